"""Snapshots over the wire: each tells the Region as it is when it is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.registry.keys import Kind
from iot_dr.runtime.commands.snapshot import SnapshotSettings, take_snapshot
from tests.account import Account, Unwatched
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Answer, Request


@pytest.mark.parametrize("region", [PRIMARY, SECONDARY])
def test_a_snapshot_asks_its_region_alone_and_the_next_one_tells_what_has_changed(
    account: Account, region: str, tmp_path: Path
) -> None:
    settings = SnapshotSettings(region, state=str(tmp_path / "state"), paced=False)

    numbers = []
    for names in (("pump-1",), ("pump-1", "pump-2")):
        account.put_things(region, *names)
        numbers.append(take_snapshot(settings, str(tmp_path / "snapshot"), Unwatched()).manifest.numbers[Kind.THING])

    assert numbers == [1, 2]
    assert {request.region for request in account.requests} == {region}


@pytest.mark.parametrize(
    ("there", "refused"),
    [
        (Answer(xml="somebody's own"), True),
        (Answer(xml=json.dumps({"region": "us-east-1", "account": "1", "numbers": {}, "format": 3})), False),
        (Answer(status=404, xml="<Error><Code>NoSuchKey</Code></Error>"), False),
        (Answer(status=403, xml="<Error><Code>AccessDenied</Code></Error>"), False),
    ],
)
def test_what_no_snapshot_wrote_is_not_overwritten_in_a_bucket_either(
    account: Account, tmp_path: Path, there: Answer, refused: bool
) -> None:
    def answering(request: Request) -> Answer | None:
        if request.operation.partition("?")[0] == "GET /vault/today/snapshot.json":
            return there
        return Answer() if request.operation.startswith("PUT /vault/") else None

    account.answering = answering
    settings = SnapshotSettings(PRIMARY, state=str(tmp_path / "state"), paced=False)

    if refused:
        with pytest.raises(ConfigurationError, match=r"^s3://vault/today/snapshot\.json is there, and no snapshot"):
            take_snapshot(settings, "s3://vault/today", Unwatched())
        assert account.calls("GET /things") == []
    else:
        take_snapshot(settings, "s3://vault/today", Unwatched())
