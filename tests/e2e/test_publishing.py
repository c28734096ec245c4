"""`iot-dr publish` against S3 as the local Region pair plays it: what the buckets become, and who is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from iot_dr.model.launch.distribution import MAIN_TEMPLATE, TEMPLATES
from lab.emulator import Emulator

pytestmark = pytest.mark.lab

NAMES = ("acme-iot-dr", "iot-dr", "v1.0.0")
BUCKETS = {
    "acme-iot-dr-us-east-1": "us-east-1",
    "acme-iot-dr-us-west-2": "us-west-2",
    "acme-iot-dr-reference": "us-east-1",
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The environment of a program that talks to a fresh emulator."""
    with Emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        yield emulator.client_environ()


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployment")
    source = dict(zip(("BucketPrefix", "Name", "Version"), NAMES, strict=True))
    (folder / "global-s3-assets").mkdir()
    (folder / "regional-s3-assets").mkdir()
    for name in TEMPLATES:
        (folder / "global-s3-assets" / name).write_text(json.dumps({"Mappings": {"Solution": {"Source": source}}}))
    for name in ("iot_dr_layer.zip", "iot-dr-solution.zip"):
        (folder / "regional-s3-assets" / name).write_bytes(os.urandom(100_000))
    return folder


def publish(aws: Mapping[str, str], assets: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    prefix, name, version = NAMES
    return subprocess.run(
        [
            *(sys.executable, "-m", "iot_dr.cli", "publish", "--format", "json", "--assets", str(assets)),
            *("--bucket-prefix", prefix, "--solution-name", name, "--version", version),
            *("--primary-region", "us-east-1", "--secondary-region", "us-west-2"),
        ],
        env={**os.environ, **aws, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def s3(aws: Mapping[str, str], region: str) -> Any:
    return boto3.client("s3", region_name=region, endpoint_url=aws["AWS_ENDPOINT_URL"], verify=aws["AWS_CA_BUNDLE"])


@pytest.fixture(scope="module")
def first(aws: Mapping[str, str], assets: Path) -> Mapping[str, Any]:
    result = publish(aws, assets)
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_every_bucket_is_made_in_its_region(aws: Mapping[str, str], first: Mapping[str, Any]) -> None:
    assert {each["name"]: each["region"] for each in first["buckets"]} == BUCKETS
    for name, region in BUCKETS.items():
        where = s3(aws, region).get_bucket_location(Bucket=name)["LocationConstraint"] or "us-east-1"
        assert where == region


@pytest.mark.parametrize(("bucket", "region"), BUCKETS.items())
@pytest.mark.usefixtures("first")
def test_a_bucket_is_private_tls_only_encrypted_and_versioned(aws: Mapping[str, str], bucket: str, region: str) -> None:
    client = s3(aws, region)

    assert all(client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    ownership = client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    (statement,) = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_objects_are_the_files(aws: Mapping[str, str], assets: Path, first: Mapping[str, Any]) -> None:
    assert len(first["uploaded"]) == 8
    for bucket, region in BUCKETS.items():
        folder = assets / ("global-s3-assets" if bucket.endswith("reference") else "regional-s3-assets")
        for path in folder.iterdir():
            stored = s3(aws, region).get_object(Bucket=bucket, Key=f"iot-dr/v1.0.0/{path.name}")["Body"].read()
            assert stored == path.read_bytes()
    assert first["template_url"].endswith(f"/acme-iot-dr-reference/iot-dr/v1.0.0/{MAIN_TEMPLATE}")


@pytest.mark.usefixtures("first")
def test_publishing_again_makes_and_uploads_nothing(aws: Mapping[str, str], assets: Path) -> None:
    again = json.loads(publish(aws, assets).stdout)

    assert (again["uploaded"], again["unchanged"]) == ([], 8)
    assert not any(each["made"] for each in again["buckets"])


@pytest.mark.usefixtures("first")
def test_an_object_that_somebody_changed_is_put_right(aws: Mapping[str, str], assets: Path) -> None:
    s3(aws, "us-west-2").put_object(Bucket="acme-iot-dr-us-west-2", Key="iot-dr/v1.0.0/iot_dr_layer.zip", Body=b"!")

    again = json.loads(publish(aws, assets).stdout)

    assert again["uploaded"] == ["s3://acme-iot-dr-us-west-2/iot-dr/v1.0.0/iot_dr_layer.zip"]


@pytest.mark.usefixtures("first")
def test_another_account_is_told_that_the_name_is_taken(aws: Mapping[str, str], assets: Path) -> None:
    # The emulator takes an access key of twelve digits for the root user of that account.
    result = publish(aws, assets, AWS_ACCESS_KEY_ID="222222222222")

    assert result.returncode == 2
    assert "belongs to another AWS account (build and publish with another prefix)" in result.stderr


def test_no_credentials_and_refused_ones_are_told_apart(aws: Mapping[str, str], assets: Path) -> None:
    without = {name: value for name, value in aws.items() if not name.startswith("AWS_ACCESS")}
    missing = publish(without, assets, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    refused = publish(aws, assets, AWS_ACCESS_KEY_ID="AKIAUNKNOWNUNKNOWN00")

    assert (missing.returncode, refused.returncode) == (2, 2)
    assert "no AWS credentials found; run `aws configure`" in missing.stderr
    assert "AWS refused the credentials" in refused.stderr
