from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.distribution import MAIN_TEMPLATE, TEMPLATES, Bucket, Distribution, Upload
from iot_dr.model.regions import RegionPair
from iot_dr.services.launch.publish import Publication, publish

RELEASE = Distribution("acme-iot-dr", "iot-dr", "v1.0.0")
REGIONS = RegionPair("us-east-1", "us-west-2")


class FakeBuckets:
    """S3 in memory: bucket -> (Region, key -> checksum)."""

    def __init__(self) -> None:
        self.content: dict[str, tuple[str, dict[str, str]]] = {}
        self.written: list[str] = []
        self.fails_at: str | None = None

    def regions(self) -> frozenset[str]:
        return frozenset({"us-east-1", "us-east-2", "us-west-2", "eu-west-1"})

    def secure(self, name: str, region: str) -> Bucket:
        made = name not in self.content
        where, _ = self.content.setdefault(name, (region, {}))
        return Bucket(name, where, made)

    def checksum(self, bucket: Bucket, key: str) -> str | None:
        return self.content[bucket.name][1].get(key)

    def upload(self, upload: Upload, sent: Callable[[int], None]) -> None:
        if self.fails_at and self.fails_at in str(upload):
            raise ConnectionError
        sent(upload.size)
        self.content[upload.bucket.name][1][upload.key] = upload.checksum
        self.written.append(str(upload))

    def url(self, bucket: Bucket, key: str) -> str:
        return f"https://{bucket.name}.s3.{bucket.region}.amazonaws.com/{key}"


class Spectator:
    def __init__(self) -> None:
        self.announced = 0
        self.counted = 0

    def comparing(self, bucket: Bucket) -> None:
        pass

    def uploading(self, uploads: Sequence[Upload]) -> None:
        self.announced = sum(upload.size for upload in uploads)

    def sent(self, size: int) -> None:
        self.counted += size


@pytest.fixture
def buckets() -> FakeBuckets:
    return FakeBuckets()


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    source = {"BucketPrefix": RELEASE.bucket_prefix, "Name": RELEASE.solution_name, "Version": RELEASE.version}
    (tmp_path / "global-s3-assets").mkdir()
    (tmp_path / "regional-s3-assets").mkdir()
    for name in TEMPLATES:
        text = json.dumps({"Description": name, "Mappings": {"Solution": {"Source": source}}})
        (tmp_path / "global-s3-assets" / name).write_text(text)
    for name in ("iot_dr_layer.zip", "iot-dr-solution.zip", "check_launch.zip"):
        (tmp_path / "regional-s3-assets" / name).write_text(name)
    return tmp_path


def publish_to(buckets: FakeBuckets, assets: Path, spectator: Spectator | None = None) -> Publication:
    return publish(RELEASE, REGIONS, assets, buckets, spectator or Spectator())


def test_code_goes_to_both_regions_and_templates_to_the_reference_bucket(buckets: FakeBuckets, assets: Path) -> None:
    publication = publish_to(buckets, assets)

    zips = {f"iot-dr/v1.0.0/{name}" for name in ("iot_dr_layer.zip", "iot-dr-solution.zip", "check_launch.zip")}
    assert {name: (region, set(keys)) for name, (region, keys) in buckets.content.items()} == {
        "acme-iot-dr-us-east-1": ("us-east-1", zips),
        "acme-iot-dr-us-west-2": ("us-west-2", zips),
        "acme-iot-dr-reference": ("us-east-1", {f"iot-dr/v1.0.0/{name}" for name in TEMPLATES}),
    }
    assert [bucket.made for bucket in publication.buckets] == [True, True, True]
    assert (len(publication.uploaded), publication.unchanged) == (10, 0)


def test_the_main_template_comes_last_so_that_what_can_be_launched_is_complete(
    buckets: FakeBuckets, assets: Path
) -> None:
    publish_to(buckets, assets)

    assert buckets.written[-1].endswith("/" + MAIN_TEMPLATE)


def test_publishing_again_uploads_nothing(buckets: FakeBuckets, assets: Path) -> None:
    publish_to(buckets, assets)

    again = publish_to(buckets, assets)

    assert (again.uploaded, again.unchanged) == ((), 10)
    assert not any(bucket.made for bucket in again.buckets)


def test_only_what_changed_is_uploaded(buckets: FakeBuckets, assets: Path) -> None:
    publish_to(buckets, assets)
    (assets / "regional-s3-assets" / "check_launch.zip").write_text("mended")

    again = publish_to(buckets, assets)

    assert again.uploaded == (
        "s3://acme-iot-dr-us-east-1/iot-dr/v1.0.0/check_launch.zip",
        "s3://acme-iot-dr-us-west-2/iot-dr/v1.0.0/check_launch.zip",
    )


def test_an_interrupted_run_is_completed_by_the_next(buckets: FakeBuckets, assets: Path) -> None:
    buckets.fails_at = "us-west-2/iot-dr/v1.0.0/iot_dr_layer.zip"
    with pytest.raises(ConnectionError):
        publish_to(buckets, assets)
    buckets.fails_at = None

    again = publish_to(buckets, assets)

    assert again.unchanged == 5
    assert len(buckets.written) == 10


def test_the_watcher_sees_every_announced_byte(buckets: FakeBuckets, assets: Path) -> None:
    spectator = Spectator()

    publish_to(buckets, assets, spectator)

    assert spectator.counted == spectator.announced > 0


def test_the_link_launches_the_main_template_in_the_primary_region(buckets: FakeBuckets, assets: Path) -> None:
    publication = publish_to(buckets, assets)

    assert publication.template_url == (
        f"https://acme-iot-dr-reference.s3.us-east-1.amazonaws.com/iot-dr/v1.0.0/{MAIN_TEMPLATE}"
    )
    assert publication.quick_create_link.startswith("https://us-east-1.console.aws.amazon.com/cloudformation/")
    assert "param_PrimaryRegion=us-east-1&param_SecondaryRegion=us-west-2" in publication.quick_create_link


def test_a_reference_bucket_of_an_earlier_launch_elsewhere_serves_on(buckets: FakeBuckets, assets: Path) -> None:
    buckets.content["acme-iot-dr-reference"] = ("eu-west-1", {})

    publication = publish_to(buckets, assets)

    assert "acme-iot-dr-reference.s3.eu-west-1." in publication.template_url


def test_a_code_bucket_in_another_region_is_refused(buckets: FakeBuckets, assets: Path) -> None:
    buckets.content["acme-iot-dr-us-west-2"] = ("eu-west-1", {})

    with pytest.raises(ConfigurationError, match="lies in eu-west-1, not in us-west-2; delete it or choose another"):
        publish_to(buckets, assets)

    assert buckets.written == []


@pytest.mark.parametrize("missing", ["global-s3-assets/" + MAIN_TEMPLATE, "regional-s3-assets/iot-dr-solution.zip"])
def test_a_missing_build_is_named_with_the_command_that_makes_it(
    buckets: FakeBuckets, assets: Path, missing: str
) -> None:
    (assets / missing).unlink()

    with pytest.raises(ConfigurationError, match=r"missing; run deployment/build-s3-dist.sh acme-iot-dr iot-dr v1.0.0"):
        publish_to(buckets, assets)

    assert buckets.content == {}


def test_a_build_for_other_names_is_refused(buckets: FakeBuckets, assets: Path) -> None:
    other = Distribution("acme-iot-dr", "iot-dr", "v2.0.0")

    with pytest.raises(ConfigurationError, match=r"was built for acme-iot-dr iot-dr v1.0.0, which is not .* v2.0.0"):
        publish(other, REGIONS, assets, buckets, Spectator())

    assert buckets.content == {}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"Mappings": {"Solution": {"Source": null}}}'])
def test_a_file_that_is_no_template_of_ours_is_refused(buckets: FakeBuckets, assets: Path, text: str) -> None:
    (assets / "global-s3-assets" / MAIN_TEMPLATE).write_text(text)

    with pytest.raises(ConfigurationError, match="is not a template of this project"):
        publish_to(buckets, assets)


@pytest.mark.parametrize(
    ("region", "mend"),
    [("us-esat-2", "did you mean .*us-east-2"), ("mars", "give its name as AWS has it, for example us-east-1")],
)
def test_a_region_that_has_no_iot_core_is_refused_before_any_bucket_is_made(
    buckets: FakeBuckets, assets: Path, region: str, mend: str
) -> None:
    with pytest.raises(ConfigurationError, match=mend):
        publish(RELEASE, RegionPair("us-east-1", region), assets, buckets, Spectator())

    assert buckets.content == {}
