"""A sync over the wire: which Region, which table and which option goes where, and what a further run goes on with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iot_dr.errors import IotDrError, TargetLeads, UnsafePlan
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.progress import Step
from iot_dr.reconcile.safety import DEFAULT_LIMITS
from iot_dr.runtime.commands.history import HistorySettings, open_history
from iot_dr.runtime.commands.sync import SyncSettings, open_sync
from tests.account import DENIED, LAUNCH, LEDGER, NAMES, Account, Unwatched, served
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Answer, Request


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with served(Account(ReplicateShadows="all", CertificateMode="copy"), monkeypatch) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path) -> SyncSettings:
    return SyncSettings(**NAMES, ledger_table=LEDGER, state=str(tmp_path / "state"), paced=False)


def synced(settings: SyncSettings) -> Any:
    with open_sync(settings, Unwatched()) as syncing:
        return syncing.apply()


def test_a_sync_writes_the_secondary_and_notes_it_in_the_launchs_own_ledger(
    account: Account, settings: SyncSettings
) -> None:
    account.put_things(PRIMARY, "pump-1")
    account.put_shadow(PRIMARY, "pump-1", {"reported": {"t": 1}})
    account.put_shadow(SECONDARY, "pump-1", {"reported": {"t": 2}})

    assert synced(settings).complete

    assert set(account.writes()) == {("POST /things/pump-1", SECONDARY), ("POST /things/pump-1/shadow", SECONDARY)}
    asked = [one for one in account.calls("BatchGetItem") if LAUNCH.global_table in one.body["RequestItems"]]
    assert {(frozenset(one.body["RequestItems"]), one.region) for one in asked} == {
        (frozenset({LAUNCH.global_table, LEDGER}), SECONDARY)
    }
    tables = {(one.body["TableName"], one.region) for one in account.calls("UpdateItem")}
    assert tables == {(LEDGER, SECONDARY)}


@pytest.mark.parametrize("serving", [PRIMARY, "automatic"])
def test_a_secondary_that_follows_is_written(account: Account, settings: SyncSettings, serving: str) -> None:
    for region, state in ((PRIMARY, {"t": 1}), (SECONDARY, {"t": 2})):
        account.put_things(region, "pump-1")
        account.put_shadow(region, "pump-1", {"reported": state})
    account.control = {"serving": serving}

    synced(settings)

    assert ("POST /things/pump-1/shadow", SECONDARY) in account.writes()


def test_a_secondary_that_leads_is_not_written_and_the_run_ends_before_it_begins(
    account: Account, settings: SyncSettings
) -> None:
    account.put_things(PRIMARY, "pump-1")
    account.control = {"serving": SECONDARY}

    with pytest.raises(TargetLeads, match=r"us-west-2 leads .* Only a failback"):
        synced(settings)

    assert account.writes() == []


@pytest.mark.parametrize(("mode", "made"), [("copy", 1), ("jitr", 0)])
def test_certificates_are_copied_unless_devices_register_themselves(
    account: Account, settings: SyncSettings, mode: str, made: int
) -> None:
    account.parameters["CertificateMode"] = mode
    account.put_device(PRIMARY)

    with open_sync(settings, Unwatched()) as syncing:
        planned = syncing.plan()

    assert planned.steps[Kind.CERTIFICATE, Step.CREATE] == made


def test_the_share_that_may_be_deleted_is_the_operators(account: Account, settings: SyncSettings) -> None:
    names = [f"pump-{number}" for number in range(DEFAULT_LIMITS.at_least)]
    account.put_things(SECONDARY, *names)
    account.owned = True

    with pytest.raises(UnsafePlan, match="--delete-share"):
        synced(settings)
    assert account.writes() == []

    synced(replace(settings, delete_share=1.0))
    assert {(f"DELETE /things/{name}", SECONDARY) for name in names} <= set(account.writes())


def test_where_something_is_to_be_deleted_all_is_read_before_and_attachments_are_made(
    account: Account, settings: SyncSettings
) -> None:
    account.put_device(PRIMARY)
    account.put_things(SECONDARY, "old")
    account.owned = True

    synced(replace(settings, delete_share=1.0))

    assert {("PUT /things/pump-1/principals", SECONDARY), ("DELETE /things/old", SECONDARY)} <= set(account.writes())


def test_a_sync_that_was_cut_off_while_it_applied_goes_on_with_what_it_had_read(
    account: Account, settings: SyncSettings
) -> None:
    account.put_things(PRIMARY, "pump-1")

    def refusing(request: Request) -> Answer | None:
        return DENIED if request.operation == "POST /things/pump-1" else None

    account.answering = refusing
    with pytest.raises(IotDrError, match="no right"):
        synced(replace(settings, not_older_than=60_000))
    account.answering = lambda _request: None
    with open_sync(replace(settings, select="thingName:other"), Unwatched()) as part:
        # A sync of a part is a run of its own.
        part.journal.begin("another")
    account.requests.clear()

    with open_sync(settings, Unwatched()) as syncing:
        assert syncing.taken_up
        assert syncing.apply().complete

    assert account.calls("GET /things") == []
    assert ("POST /things/pump-1", SECONDARY) in account.writes()
    account.requests.clear()
    synced(settings)
    assert len(account.calls("GET /things")) == 2


def test_what_a_run_that_was_cut_off_had_read_is_dropped_if_that_is_wanted(
    account: Account, settings: SyncSettings
) -> None:
    account.put_things(PRIMARY, "pump-1")
    account.answering = lambda request: DENIED if request.operation == "POST /things/pump-1" else None
    with pytest.raises(IotDrError, match="no right"):
        synced(settings)
    account.answering = lambda _request: None
    account.requests.clear()

    with open_sync(replace(settings, anew=True), Unwatched()) as syncing:
        assert not syncing.taken_up
        assert syncing.apply().complete

    assert len(account.calls("GET /things")) == 2


@pytest.mark.parametrize("paced", [True, False])
def test_the_accounts_quotas_are_asked_for_if_they_are_kept_to(
    account: Account, settings: SyncSettings, paced: bool
) -> None:
    with open_sync(replace(settings, paced=paced), Unwatched()) as syncing:
        syncing.plan()

    assert bool(account.calls("ListServiceQuotas")) is paced


def test_the_record_of_a_run_names_the_region_that_is_written(account: Account, settings: SyncSettings) -> None:
    account.put_things(PRIMARY, "pump-1")
    synced(settings)

    (summary,) = open_history(HistorySettings(settings.state)).runs()
    header = summary.header
    assert (header.region, header.primary, header.secondary) == (SECONDARY, PRIMARY, SECONDARY)
