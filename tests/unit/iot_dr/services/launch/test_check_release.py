"""What is published is what was built, in every bucket that a launch reads, or it is named with the mend."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.distribution import LAYER, NO_DIGEST, Distribution, Release
from iot_dr.model.launch.launches import UnreadableValue
from iot_dr.model.regions import RegionPair
from iot_dr.services.concurrency import Given, Result
from iot_dr.services.launch.check_release import check_release, find_in_release

PAIR = RegionPair("us-east-1", "us-west-2")
NAMES = Distribution("my-dr", "drs", "v1.0.0")
ONE, OTHER = "1" * 64, "2" * 64
RELEASE = Release(NAMES, {"a.zip": ONE, "b.zip": ONE, "c.template": ONE})


@dataclass
class Files:
    """Published files in memory; all are as built but those named."""

    others: Mapping[str, str | UnreadableValue | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def sha256(self, region: str, bucket: str, key: str) -> str | UnreadableValue | None:
        place = f"{region} {bucket}/{key}"
        self.asked.append(place)
        return self.others.get(place, ONE)


def test_every_file_is_checked_in_every_bucket_that_a_launch_reads() -> None:
    files = Files()

    check_release(RELEASE, PAIR, files)

    assert sorted(files.asked) == [
        "us-east-1 my-dr-reference/drs/v1.0.0/c.template",
        "us-east-1 my-dr-us-east-1/drs/v1.0.0/a.zip",
        "us-east-1 my-dr-us-east-1/drs/v1.0.0/b.zip",
        "us-west-2 my-dr-us-west-2/drs/v1.0.0/a.zip",
        "us-west-2 my-dr-us-west-2/drs/v1.0.0/b.zip",
    ]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (None, "does not exist, and a Region runs only code that lies in it"),
        (OTHER, "is not the file that this version was built with; find out who changed it"),
        (NO_DIGEST, "was not published by deployment/publish.sh: S3 has no SHA-256 of it"),
        (UnreadableValue("403"), "cannot be read; its bucket may be another account's (403)"),
    ],
)
def test_a_file_that_is_not_as_built_is_named_with_what_is_wrong_and_the_mend(
    found: str | UnreadableValue | None, told: str
) -> None:
    files = Files({"us-west-2 my-dr-us-west-2/drs/v1.0.0/b.zip": found})

    (finding,) = find_in_release(RELEASE, PAIR, files)

    assert finding.missing == f"s3://my-dr-us-west-2/drs/v1.0.0/b.zip {told}"
    assert finding.mend == "publish it: deployment/publish.sh my-dr drs v1.0.0 us-east-1 us-west-2"


def test_a_bucket_that_lacks_everything_is_told_once() -> None:
    files = Files({f"us-west-2 my-dr-us-west-2/drs/v1.0.0/{name}": None for name in ("a.zip", "b.zip")})

    with pytest.raises(ConfigurationError) as caught:
        check_release(RELEASE, PAIR, files)

    assert str(caught.value).count("s3://") == 1


def test_the_files_are_checked_together_and_what_is_wrong_is_told_in_their_order() -> None:
    asked: list[int] = []

    def together(function: Callable[[Given], Result], items: Iterable[Given]) -> list[Result]:
        listed = list(items)
        asked.append(len(listed))
        return [*reversed([function(item) for item in reversed(listed)])]

    files = Files({f"us-west-2 my-dr-us-west-2/drs/v1.0.0/{name}": OTHER for name in ("a.zip", "b.zip")})

    (finding,) = find_in_release(RELEASE, PAIR, files, together)

    assert asked == [5]
    assert "my-dr-us-west-2/drs/v1.0.0/a.zip" in finding.missing


def test_of_a_release_without_digests_the_layer_must_be_in_both_regions() -> None:
    files = Files({f"us-west-2 my-dr-us-west-2/drs/v1.0.0/{LAYER}": None})

    (finding,) = find_in_release(Release(NAMES), PAIR, files)

    assert LAYER in finding.missing
    assert list(find_in_release(Release(NAMES), PAIR, Files())) == []
