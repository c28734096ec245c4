"""Shadows of the primary Region come to the secondary as they are, whatever happens to them on the way."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from lab.counting import Call, Slow
from lab.pair import Pair
from lab.shadows import Shadows
from lab.waiting import until
from tests.e2e.observing import (
    SECONDS,
    Ledger,
    await_quiet,
    kept_records,
    make_due,
    resource_of,
    stays,
    stored_events,
    sweep,
    sweep_round,
)

JSON: Mapping[str, Any] = {
    "type-tags": {"S": "text", "N": "1", "M": {"L": [{"BOOL": True}], "NULL": "x"}, "B": "YQ==", "SS": ["a"]},
    "times": {"at": "2026-11-24T18:00:00Z", "day": "2026-11-24", "epoch": 1795543200},
    "numbers": [0, -1, 0.1, -0.5, 1e-7, 1.5e300, 9007199254740993, -12345678901234567890, 3.141592653589793],
    "truth": {"yes": True, "no": False, "one": 1, "zero": 0, "text": "true"},
    "empty": {"list": [], "text": "", "inner": {"list": []}},
    "unicode": {"ключ": "значение", "emoji": "🚰", "quote": '"\\/', "control": "\n\t", "ß": "İ"},
    "deep": {"1": {"2": {"3": {"4": {"5": {"6": ["seven", {"8": 9}]}}}}}},
    "arrays": [[1, [2, [3]]], [{"a": 1}, {"a": 2}], [True, 1, 1.0, "1"]],
}
"""Values that a shadow may hold, each once as what is desired and once as what is reported."""

BYTES = 8192
"""What AWS takes of a shadow's document."""


@pytest.fixture(name="arrives")
def equality(here: Shadows, there: Shadows) -> Callable[..., bool]:
    """Wait until a thing has the same shadows in both Regions."""

    def equal(thing: str, seconds: float = SECONDS) -> bool:
        return until(lambda: here.of(thing) == there.of(thing), seconds)

    return equal


def put_event(pair: Pair, thing: str, version: int, state: object = None, **fields: str) -> str:
    """Write an item as a rule would have; without `state` it carries none."""
    item = {
        "resource": {"S": thing},
        "event_id": {"S": str(uuid.uuid4())},
        "source_region": {"S": pair.primary},
        "eventType": {"S": "SHADOW_EVENT"},
        "operation": {"S": "UPDATED"},
        "version": {"N": str(version)},
        "timestamp": {"N": "1795543200"},
        "accepted_at": {"N": "1795543200000"},
        **({} if state is None else {"payload": {"S": base64.b64encode(json.dumps(state).encode()).decode()}}),
        **{name: {"S": value} for name, value in fields.items()},
    }
    table = f"IoTDRShadowTable{pair.outputs['StackPostfix']}"
    pair.client("dynamodb", pair.primary).put_item(TableName=table, Item=item)
    return item["event_id"]["S"]


@contextmanager
def without_rules(pair: Pair) -> Iterator[None]:
    """No rule hears of shadows, as if their messages had been lost."""
    iot, stack = pair.client("iot", pair.primary), f"IoTDRPrimary{pair.outputs['StackPostfix']}"
    rules = [rule["ruleName"] for rule in iot.list_topic_rules()["rules"] if "Shadow" in rule["ruleName"]]
    assert len(rules) == 4, f"{stack} has the rules {rules}"
    for rule in rules:
        iot.disable_topic_rule(ruleName=rule)
    try:
        yield
    finally:
        for rule in rules:
            iot.enable_topic_rule(ruleName=rule)


@contextmanager
def control(pair: Pair, **item: str) -> Iterator[None]:
    """The control item says so for the length of a `with` block, and is gone after it."""
    table, client = f"IoTDRGlobalTable{pair.outputs['StackPostfix']}", pair.client("dynamodb", pair.secondary)
    key = {"resource": {"S": "iot-dr#control"}, "event_id": {"S": "control"}}
    client.put_item(TableName=table, Item={**key, **{name: {"S": value} for name, value in item.items()}})
    try:
        yield
    finally:
        client.delete_item(TableName=table, Key=key)


@contextmanager
def selecting(pair: Pair, **variables: str) -> Iterator[None]:
    """The function as other parameters of the stack make it."""
    functions, name = pair.client("lambda", pair.secondary), resource_of(pair, "ReplicateShadowsFunction")
    given = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {**given, **variables}})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": given})


@pytest.mark.row("S1", "S2")
@pytest.mark.parametrize("shadow", ["", "config"], ids=["classic", "named"])
def test_what_is_desired_and_reported_arrives_as_it_is(
    shadow: str, here: Shadows, there: Shadows, name: str, ledger: Ledger
) -> None:
    state = {"desired": {"interval": 60, "mode": "eco"}, "reported": {"interval": 30}}

    here.update(name, state, shadow)

    assert until(lambda: there.read(name, shadow) == state, SECONDS)
    item = f"shadow#{name}#{shadow}" if shadow else f"shadow#{name}"
    assert until(lambda: ledger(item).get("state") == "in_sync", SECONDS)
    assert int(ledger(item)["lag"]) < SECONDS * 1000


@pytest.mark.row("S1", "S2")
@pytest.mark.parametrize("shadow", ["", "config"], ids=["classic", "named"])
def test_partial_updates_removed_keys_and_cleared_sections_follow(
    shadow: str, here: Shadows, there: Shadows, name: str
) -> None:
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"reported": {"a": 1, "b": {"c": 2, "d": [1]}}}, {"reported": {"a": 1, "b": {"c": 2, "d": [1]}}}),
        ({"reported": {"b": {"c": 3}}}, {"reported": {"a": 1, "b": {"c": 3, "d": [1]}}}),
        ({"reported": {"b": {"d": None}, "a": None}}, {"reported": {"b": {"c": 3}}}),
        ({"desired": {"x": 1}}, {"desired": {"x": 1}, "reported": {"b": {"c": 3}}}),
        ({"reported": None}, {"desired": {"x": 1}}),
        ({"desired": None}, {}),
    ]

    for update, wanted in steps:
        here.update(name, update, shadow)
        assert here.read(name, shadow) == wanted
        assert until(lambda wanted=wanted: there.read(name, shadow) == wanted, SECONDS), update  # type: ignore[misc]  # its default is no parameter


@pytest.mark.row("S1", "S2")
@pytest.mark.parametrize("shadow", ["", "config"], ids=["classic", "named"])
def test_a_deleted_shadow_is_deleted_and_one_made_anew_is_made_anew(
    shadow: str, here: Shadows, there: Shadows, name: str
) -> None:
    here.update(name, {"reported": {"life": "first", "old": True}}, shadow)
    assert until(lambda: there.read(name, shadow), SECONDS)

    here.delete(name, shadow)
    assert until(lambda: there.read(name, shadow) is None, SECONDS)

    here.update(name, {"reported": {"life": "second"}}, shadow)
    assert until(lambda: there.read(name, shadow) == {"reported": {"life": "second"}}, SECONDS)


@pytest.mark.row("S1", "S4")
def test_a_shadow_deleted_and_made_anew_in_quick_succession_ends_as_the_primarys(
    pair: Pair, here: Shadows, there: Shadows, name: str, arrives: Callable[..., bool]
) -> None:
    for life in range(5):
        here.update(name, {"reported": {f"of-life-{life}": True}})
        here.delete(name)
    here.update(name, {"reported": {"life": "last"}})

    assert arrives(name)
    await_quiet(pair, 1)
    assert there.read(name) == {"reported": {"life": "last"}}


@pytest.mark.row("S1")
def test_a_shadow_needs_no_thing_and_outlives_one(
    primary: Any, secondary: Any, here: Shadows, there: Shadows, name: str, arrives: Callable[..., bool]
) -> None:
    here.update(name, {"reported": {"before": "the thing"}})
    assert until(lambda: there.read(name) == {"reported": {"before": "the thing"}}, SECONDS)
    primary.create_thing(thingName=name)
    assert until(lambda: _has(secondary, name), SECONDS)

    primary.delete_thing(thingName=name)
    assert until(lambda: not _has(secondary, name), SECONDS)

    here.update(name, {"reported": {"after": "the thing"}})
    assert arrives(name)
    here.delete(name)
    assert until(lambda: there.read(name) is None, SECONDS)


def _has(iot: Any, name: str) -> bool:
    return any(thing["thingName"] == name for thing in iot.list_things()["things"])


@pytest.mark.row("S2")
def test_shadows_of_one_thing_are_kept_apart(
    here: Shadows, there: Shadows, name: str, arrives: Callable[..., bool]
) -> None:
    for shadow in ("", "config", "status", "a:b_c-1"):
        here.update(name, {"reported": {"of": shadow or "classic"}}, shadow)
    assert arrives(name)

    here.delete(name, "config")

    assert until(lambda: there.names(name) == ["a:b_c-1", "status"], SECONDS)
    assert arrives(name)


@pytest.mark.row("S3")
def test_any_json_arrives_unchanged(here: Shadows, there: Shadows, name: str, arrives: Callable[..., bool]) -> None:
    for key, value in JSON.items():
        here.update(name, {"desired": {key: value}, "reported": {"of": {key: value}}}, key)

    assert arrives(name)
    assert there.of(name).keys() == JSON.keys()
    for key, value in JSON.items():
        found = there.read(name, key)
        assert found is not None
        assert json.dumps(found["desired"][key], sort_keys=True) == json.dumps(value, sort_keys=True)


@pytest.mark.row("S3")
def test_a_value_that_changes_its_type_arrives_as_it_is_now(
    here: Shadows, name: str, arrives: Callable[..., bool]
) -> None:
    values: tuple[Any, ...] = (1, True, "1", [1], {"a": 1}, {"a": {}}, {"b": [{}]}, 1.5, False, 0)
    for value in values:
        here.update(name, {"reported": {"value": value}})
        assert arrives(name), value


@pytest.mark.row("S3")
def test_a_document_at_aws_limit_arrives_and_so_does_one_of_other_keys(
    here: Shadows, name: str, arrives: Callable[..., bool]
) -> None:
    def full(key: str) -> dict[str, Any]:
        return {"reported": {key: "x" * (BYTES - len(json.dumps({"reported": {key: ""}}, separators=(",", ":"))))}}

    here.update(name, full("first"))
    assert arrives(name)

    here.update(name, {"reported": {"first": None}})
    here.update(name, full("second"))
    assert arrives(name)


@pytest.mark.row("S4", "S5")
def test_hundreds_of_updates_of_one_shadow_end_equal_at_the_price_of_few(
    pair: Pair, here: Shadows, there: Shadows, name: str, arrives: Callable[..., bool]
) -> None:
    before = _writes(pair)

    for number in range(400):
        here.update(name, {"reported": {"number": number, f"key-{number % 7}": number}})

    assert arrives(name, 60)
    await_quiet(pair, 1)
    assert there.read(name, "") == here.read(name)
    assert _writes(pair) - before < 200


def _writes(pair: Pair) -> int:
    return sum(
        count
        for call, count in pair.proxy.counts().items()
        if call.operation == "UpdateThingShadow" and call.region == pair.secondary
    )


@pytest.mark.row("S4")
def test_an_update_that_was_lost_is_found_by_the_sweep(
    pair: Pair, primary: Any, here: Shadows, there: Shadows, name: str, arrives: Callable[..., bool]
) -> None:
    primary.create_thing(thingName=name)
    for shadow in ("", "config", "gone"):
        here.update(name, {"reported": {"last": "heard"}}, shadow)
    assert arrives(name)
    with without_rules(pair):
        here.update(name, {"reported": {"last": "lost"}})
        here.update(name, {"reported": {"last": "lost"}}, "config")
        here.update(name, {"reported": {"made": "unheard"}}, "new")
        here.delete(name, "gone")
    assert there.read(name) == {"reported": {"last": "heard"}}

    sweep_round(pair)

    assert arrives(name)
    assert there.names(name) == ["config", "new"]


@pytest.mark.row("S1")
def test_a_thing_without_shadows_gets_none(
    pair: Pair, primary: Any, secondary: Any, there: Shadows, name: str, ledger: Ledger
) -> None:
    primary.create_thing(thingName=name)
    assert until(lambda: _has(secondary, name), SECONDS)

    sweep_round(pair)
    await_quiet(pair, 2)

    assert there.of(name) == {}
    assert (ledger(f"shadow#{name}"), ledger(f"thing_shadows#{name}")) == ({}, {})


@pytest.mark.row("S4")
def test_an_event_that_carries_no_state_has_the_primary_asked(
    pair: Pair, here: Shadows, there: Shadows, name: str
) -> None:
    state = {"reported": {"grown": "beyond what an item carries"}}
    with without_rules(pair):
        version = here.update(name, state, "config")

    put_event(pair, name, version, shadow="config")

    assert until(lambda: there.read(name, "config") == state, SECONDS)


@pytest.mark.row("S4")
def test_old_and_repeated_events_change_nothing(pair: Pair, here: Shadows, there: Shadows, name: str) -> None:
    first = here.update(name, {"reported": {"number": 1}})
    for number in (2, 3):
        last = here.update(name, {"reported": {"number": number}})
    assert until(lambda: there.read(name) == {"reported": {"number": 3}}, SECONDS)

    for version in (last, first, first + 1):
        put_event(pair, name, version, {"reported": {"number": version}})
    put_event(pair, name, first, operation="DELETED")

    assert stays(lambda: there.read(name) == {"reported": {"number": 3}})


@pytest.mark.row("S1")
def test_a_shadow_that_replication_did_not_make_is_not_deleted(
    here: Shadows, there: Shadows, name: str, ledger: Ledger
) -> None:
    there.update(name, {"reported": {"made": "by hand"}})
    here.update(name, {"reported": {"made": "by hand"}})
    assert until(lambda: ledger(f"shadow#{name}").get("state") == "in_sync", SECONDS)

    here.delete(name)

    assert until(lambda: ledger(f"shadow#{name}").get("state") == "unsupported", SECONDS)
    assert there.read(name) == {"reported": {"made": "by hand"}}


@pytest.mark.row("S4", "F4")
def test_what_devices_wrote_in_a_secondary_that_leads_is_held_and_not_overwritten(
    pair: Pair, here: Shadows, there: Shadows, name: str, ledger: Ledger, arrives: Callable[..., bool]
) -> None:
    here.update(name, {"reported": {"by": "the device in the primary"}})
    assert arrives(name)
    with control(pair, serving="us-west-2"):
        there.update(name, {"reported": {"by": "the device in the secondary"}})
        here.update(name, {"reported": {"by": "a late update"}})

        assert until(lambda: ledger(f"shadow#{name}").get("state") == "held", SECONDS)
        assert "held back" in ledger(f"shadow#{name}")["reason"]
        make_due(pair)
        sweep(pair, "retry")
        assert there.read(name) == {"reported": {"by": "the device in the secondary"}}


@pytest.mark.row("S4", "F4")
def test_while_replication_is_suspended_nothing_is_written_and_it_comes_when_that_is_over(
    pair: Pair, here: Shadows, there: Shadows, name: str, ledger: Ledger, arrives: Callable[..., bool]
) -> None:
    here.update(name, {"reported": {"by": "the device in the primary"}})
    assert arrives(name)
    with control(pair, replication="suspended"):
        here.update(name, {"reported": {"by": "a late update"}})

        assert until(lambda: ledger(f"shadow#{name}").get("state") == "pending", SECONDS)
        assert "held back" in ledger(f"shadow#{name}")["reason"]
        assert there.read(name) == {"reported": {"by": "the device in the primary"}}

    make_due(pair)
    sweep(pair, "retry")
    assert arrives(name)
    assert until(lambda: ledger(f"shadow#{name}").get("state") == "in_sync", SECONDS)


@pytest.mark.row("C4")
def test_an_unreadable_event_is_kept_whole_and_its_neighbours_go_on(
    pair: Pair, here: Shadows, there: Shadows, name: str
) -> None:
    event_id = put_event(pair, name, 1, payload="this is not base64!")

    here.update(name, {"reported": {"readable": True}})

    assert until(lambda: there.read(name) == {"reported": {"readable": True}}, SECONDS)
    assert until(lambda: event_id in kept_records(pair), SECONDS)


@pytest.mark.row("S5")
@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({"REPLICATE_SHADOWS": "classic"}, {""}),
        ({"REPLICATE_SHADOWS": "named"}, {"config", "status"}),
        ({"REPLICATE_SHADOWS": "all", "SHADOW_NAME_PATTERN": "conf.*"}, {"", "config"}),
        ({"REPLICATE_SHADOWS": "none"}, set()),
    ],
    ids=["classic", "named", "pattern", "none"],
)
def test_only_the_shadows_that_were_chosen_are_replicated(
    variables: dict[str, str], chosen: set[str], pair: Pair, here: Shadows, there: Shadows, name: str
) -> None:
    with selecting(pair, **variables):
        for shadow in ("", "config", "status"):
            here.update(name, {"reported": {"a": 1}}, shadow)

        assert until(lambda: there.of(name).keys() == chosen, SECONDS)
        assert stays(lambda: there.of(name).keys() == chosen)


@pytest.mark.row("S5")
def test_registry_events_do_not_wait_for_shadows(
    pair: Pair, primary: Any, secondary: Any, here: Shadows, name: str, arrives: Callable[..., bool]
) -> None:
    def slow(call: Call) -> Slow | None:
        return Slow(0.5) if call.operation == "UpdateThingShadow" and call.region == pair.secondary else None

    pair.proxy.intercept = slow
    try:
        for number in range(100):
            here.update(f"{name}-{number}", {"reported": {"a": 1}})
        primary.create_thing(thingName=name)
        assert until(lambda: _has(secondary, name), 3)
    finally:
        pair.proxy.intercept = None
    assert arrives(f"{name}-99", 60)


def test_the_shadow_event_is_stored_with_a_lifetime_of_two_days(pair: Pair, here: Shadows, name: str) -> None:
    version = here.update(name, {"desired": {"a": 1}, "reported": {"b": [0.1]}}, "config")

    (item,) = until(lambda: stored_events(pair, "IoTDRShadowTable", name), SECONDS)
    accepted = int(item["accepted_at"]["N"]) // 1000
    assert 172_800 <= int(item["expires"]["N"]) - accepted <= 172_801
    assert abs(int(item["timestamp"]["N"]) - accepted) <= 2
    assert (item["source_region"]["S"], item["shadow"]["S"]) == (pair.primary, "config")
    assert (item["operation"]["S"], int(item["version"]["N"])) == ("UPDATED", version)
    assert json.loads(base64.b64decode(item["payload"]["S"])) == {"desired": {"a": 1}, "reported": {"b": [0.1]}}
