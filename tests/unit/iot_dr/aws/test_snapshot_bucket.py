"""A snapshot's files in a bucket, against the SDK's stub."""

from pathlib import Path

import pytest
from botocore.stub import ANY, Stubber

from iot_dr.aws.snapshot_bucket import SnapshotBucket, is_bucket
from iot_dr.errors import AccessDenied, ConfigurationError

STUBBED = ("s3", "us-east-1")


@pytest.mark.parametrize(
    ("url", "key"), [("s3://mine/registry/today", "registry/today/thing.jsonl"), ("s3://mine", "thing.jsonl")]
)
def test_files_go_below_the_prefix_under_their_own_names(stub: Stubber, tmp_path: Path, url: str, key: str) -> None:
    file = tmp_path / "thing.jsonl"
    file.write_text("{}\n")
    stub.add_response("put_object", {}, {"Bucket": "mine", "Key": key, "Body": ANY, "ChecksumAlgorithm": ANY})

    with stub:
        SnapshotBucket.at(stub.client, url).upload([file])

    stub.assert_no_pending_responses()


def test_a_refused_upload_says_why(stub: Stubber, tmp_path: Path) -> None:
    (tmp_path / "thing.jsonl").write_text("{}\n")
    stub.add_client_error("put_object", "AccessDenied", http_status_code=403)

    with pytest.raises(AccessDenied):
        SnapshotBucket.at(stub.client, "s3://mine/x").upload([tmp_path / "thing.jsonl"])


def test_a_file_that_is_not_there_means_no_whole_snapshot(stub: Stubber, tmp_path: Path) -> None:
    stub.add_client_error("head_object", "404", http_status_code=404)

    with pytest.raises(ConfigurationError, match=r"there is no s3://mine/x/thing\.jsonl"):
        SnapshotBucket.at(stub.client, "s3://mine/x/").download([tmp_path / "thing.jsonl"])


def test_a_bucket_that_is_not_there_is_named_with_what_is_kept(stub: Stubber, tmp_path: Path) -> None:
    (tmp_path / "thing.jsonl").write_text("{}\n")
    stub.add_client_error("put_object", "NoSuchBucket", http_status_code=404)

    with pytest.raises(ConfigurationError, match=r"there is no bucket mine; make it.* is kept"):
        SnapshotBucket.at(stub.client, "s3://mine/x").upload([tmp_path / "thing.jsonl"])


@pytest.mark.parametrize(
    ("place", "wanted"), [("today", False), ("a/b", False), ("s3://mine", True), ("s3://m/x", True)]
)
def test_a_place_is_a_folder_or_in_a_bucket(place: str, wanted: bool) -> None:
    assert is_bucket(place) is wanted


@pytest.mark.parametrize("place", ["s3://", "s3:///x", "https://mine/x"])
def test_what_is_neither_folder_nor_bucket_is_refused(place: str) -> None:
    with pytest.raises(ConfigurationError, match="of the form s3://bucket/prefix"):
        is_bucket(place)
