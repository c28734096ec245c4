from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands.launch import publish as module
from iot_dr.cli.main import cli
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.distribution import Bucket, Distribution, Upload
from iot_dr.model.regions import RegionPair
from iot_dr.ports.progress import PublishObserver
from iot_dr.services.launch.publish import Publication

BUCKETS = (Bucket("acme-us-east-1", "us-east-1", made=True), Bucket("acme-reference", "us-east-1", made=False))
DONE = Publication(BUCKETS, ("s3://acme-us-east-1/n/v1.0.0/a.zip",), 7, "https://template", "https://link")
ARGUMENTS = (
    *("publish", "--bucket-prefix", "acme", "--solution-name", "n", "--version", "v1.0.0"),
    *("--primary-region", "us-east-1", "--secondary-region", "us-west-2", "--assets", "somewhere"),
)

Publish = Callable[[Distribution, RegionPair, Path, PublishObserver, str], Publication]


def run(monkeypatch: pytest.MonkeyPatch, publish: Publish, *more: str) -> Result:
    monkeypatch.setattr(module, "publish_build", publish)
    return CliRunner().invoke(cli, [*ARGUMENTS, *more])


def published(
    _distribution: Distribution, _regions: RegionPair, assets: Path, progress: PublishObserver, _profile: str
) -> Publication:
    progress.comparing(BUCKETS[0])
    progress.uploading([Upload(assets / "a.zip", BUCKETS[0], "n/v1.0.0/a.zip", "abc=", 5)])
    progress.sent(5)
    return DONE


def test_the_build_is_published_under_the_names_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def record(*request: object) -> Publication:
        asked.extend(request[:3])
        return DONE

    run(monkeypatch, record)

    assert asked == [Distribution("acme", "n", "v1.0.0"), RegionPair("us-east-1", "us-west-2"), Path("somewhere")]


def test_the_text_says_what_changed_and_ends_with_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, published)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "made bucket acme-us-east-1 in us-east-1",
        "uploaded s3://acme-us-east-1/n/v1.0.0/a.zip",
        "1 file uploaded, 7 unchanged.",
        "",
        "Launch it (review the form, then create the stack):",
        "https://link",
    ]


def test_json_alone_is_on_standard_output_and_progress_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, published, "--format", "json")

    answer = json.loads(result.stdout)
    assert answer["quick_create_link"] == "https://link"
    assert answer["buckets"][0] == {"name": "acme-us-east-1", "region": "us-east-1", "made": True}
    assert "Uploading 1 file" in result.stderr


def test_what_stands_in_the_way_is_one_line_and_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_request: object) -> Publication:
        raise ConfigurationError("the bucket name belongs to another AWS account")

    result = run(monkeypatch, refused)

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == "error: the bucket name belongs to another AWS account"


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--bucket-prefix", "Acme", "the bucket prefix 'Acme' does not do"),
        ("--version", "1.0.0", "is not of the form vX.Y.Z"),
        ("--secondary-region", "us-east-1", "the primary and the secondary Region are both us-east-1"),
    ],
)
def test_bad_options_are_refused_before_anything_is_asked_of_aws(
    monkeypatch: pytest.MonkeyPatch, option: str, value: str, reason: str
) -> None:
    def unreached(*_request: object) -> Publication:
        pytest.fail("asked AWS")

    given = dict(zip(ARGUMENTS[1::2], ARGUMENTS[2::2], strict=True)) | {option: value}
    monkeypatch.setattr(module, "publish_build", unreached)
    result = CliRunner().invoke(cli, ["publish", *(word for pair in given.items() for word in pair)])

    assert (result.exit_code, reason in result.stderr) == (2, True)
