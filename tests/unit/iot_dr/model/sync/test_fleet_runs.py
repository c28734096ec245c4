"""What the state machine of a sync in the account carries."""

import json

import pytest

from iot_dr.model.registry.keys import SHADOW_KINDS, Key, Kind, group_membership_key, thing_key
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.sync.fleet_runs import (
    AGAIN_STAGES,
    CALLS_PER_REQUEST,
    STAGES,
    FleetRun,
    RequestsDone,
    RunState,
    batches_at_once,
    row,
)

RUN = FleetRun("20261124T190000-ab12", apply=True, at_once=4)

RELATIONS = {Kind.GROUP_MEMBERSHIP, Kind.POLICY_ATTACHMENT, Kind.THING_PRINCIPAL}


def test_what_others_need_comes_first_and_certificates_after_the_things_that_bring_theirs() -> None:
    place = {kind: number for number, kind in enumerate(STAGES)}

    assert max(place[Kind.THING_TYPE], place[Kind.POLICY], place[Kind.THING_GROUP]) < place[Kind.THING]
    assert place[Kind.THING] < place[Kind.CERTIFICATE]


def test_whatever_can_be_checked_can_be_checked_again() -> None:
    assert set(AGAIN_STAGES) == set(Kind)
    assert [kind for kind in AGAIN_STAGES if kind in STAGES] == list(STAGES)
    assert set(AGAIN_STAGES) - set(STAGES) == RELATIONS | (SHADOW_KINDS - {Kind.THING_SHADOWS})


def test_a_run_comes_back_from_the_state_machine_as_it_was() -> None:
    run = FleetRun(
        "r",
        apply=True,
        at_once=4,
        select="thingName:a*",
        again="q",
        kinds=(Kind.CERTIFICATE,),
        kind=Kind.THING,
        token="t",
        upload="u",
        parts=("1", "2"),
        rows=7,
        more=True,
        listed={Kind.POLICY: 3},
    )

    assert FleetRun.from_json(json.loads(json.dumps(run.to_json()))) == run


def test_a_stage_begins_with_nothing_of_the_one_before() -> None:
    run = FleetRun("r", apply=True, at_once=1, kinds=(Kind.THING,), parts=("1",), rows=5, listed={Kind.POLICY: 5})

    begun = run.next_stage()

    assert (begun.kind, begun.kinds, begun.parts, begun.rows, begun.more) == (Kind.THING, (), (), 0, True)
    assert begun.listed == {Kind.POLICY: 5}
    assert begun.to_json()["last"] is True


def test_inventory_and_results_of_a_stage_lie_apart() -> None:
    run = RUN.next_stage()

    assert run.inventory == "sync/20261124T190000-ab12/inventory/thing_type.jsonl"
    assert run.results == "sync/20261124T190000-ab12/results/thing_type"


@pytest.mark.parametrize("key", [thing_key("pump-17"), group_membership_key("hall", "pump-17")], ids=str)
def test_a_line_of_an_inventory_is_a_request(key: Key) -> None:
    assert ReconcileRequest.from_json(json.loads(row(key))) == ReconcileRequest(key)
    assert row(key).count("\n") == 1


def test_what_waits_for_its_certificate_is_checked_as_new_so_that_it_goes_on_waiting() -> None:
    assert ReconcileRequest.from_json(json.loads(row(thing_key("pump-17"), again=True))).created


@pytest.mark.parametrize(("per_second", "batches"), [(0.5, 1), (10, 4), (100, 40)])
def test_as_many_batches_run_as_the_quotas_feed(per_second: float, batches: int) -> None:
    assert batches_at_once(per_second) == batches


def test_the_stage_under_way_is_known_once_its_requests_have_begun() -> None:
    run, done = RUN.next_stage(), RequestsDone(10, running=4, succeeded=5, failed=1)

    assert RunState("arn", "RUNNING", 0, run).under_way is None
    assert RunState("arn", "RUNNING", 0, run, {Kind.THING_TYPE: done}).under_way == done
    assert done.ended == 6


@pytest.mark.parametrize(
    ("status", "ended", "succeeded"),
    [("RUNNING", False, False), ("PENDING_REDRIVE", False, False), ("SUCCEEDED", True, True), ("ABORTED", True, False)],
)
def test_a_run_is_over_unless_step_functions_goes_on_with_it(status: str, ended: bool, succeeded: bool) -> None:
    state = RunState("arn", status, 0, RUN)

    assert (state.ended, state.succeeded) == (ended, succeeded)


def test_every_region_reads_the_things_that_it_is_asked_for() -> None:
    assert all("DescribeThing" in calls for calls in CALLS_PER_REQUEST.values())
