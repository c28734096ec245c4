"""Which messages of the Device Shadow service are stored, and as what."""

import itertools
import re

import pytest

from templates.blocks.topic_rules import EventRule
from templates.shadow_capture import CLASSIC, NAMED, SHADOW_EVENTS
from tests.unit.templates.resolving import PRIMARY
from tests.unit.templates.stacks import Stack, make_stacks

TOPICS = {
    "ClassicShadowUpdated": "$aws/things/pump-17/shadow/update/documents",
    "ClassicShadowDeleted": "$aws/things/pump-17/shadow/delete/accepted",
    "NamedShadowUpdated": "$aws/things/pump-17/shadow/name/config/update/documents",
    "NamedShadowDeleted": "$aws/things/pump-17/shadow/name/config/delete/accepted",
}
OTHERS = [
    f"$aws/things/pump-17/shadow/{name}{topic}"
    for name in ("", "name/config/")
    for topic in ("update", "update/accepted", "update/rejected", "update/delta", "get/accepted", "delete")
]
REPLICATED_BY = {
    "all": {CLASSIC, NAMED},
    "classic": {CLASSIC},
    "named": {NAMED},
    "none": set(),
}


@pytest.fixture(name="primary")
def primary_stack(stacks: dict[str, Stack]) -> Stack:
    return stacks["primary"]


def sql_of(rule: EventRule, primary: Stack) -> str:
    return str(primary.properties(f"{rule.stem}EventRule")["TopicRulePayload"]["Sql"])


def column(name: str, sql: str) -> str | None:
    found = re.search(rf"(?:SELECT |, )((?:[^,()]|\([^)]*\))+) AS {name}\b", sql)
    return found[1] if found else None


@pytest.mark.parametrize("rule", SHADOW_EVENTS, ids=lambda rule: rule.stem)
def test_each_rule_hears_its_own_topic_and_no_other(rule: EventRule) -> None:
    pattern = rule.topic_filter.replace("$", r"\$").replace("+", "[^/]+")
    heard = {stem for stem, topic in TOPICS.items() if re.fullmatch(pattern, topic)}

    assert heard == {rule.stem}
    assert not [topic for topic in OTHERS if re.fullmatch(pattern, topic)]


@pytest.mark.parametrize("rule", SHADOW_EVENTS, ids=lambda rule: rule.stem)
def test_thing_and_shadow_are_named_by_the_topic(rule: EventRule, primary: Stack) -> None:
    sql, segments = sql_of(rule, primary), TOPICS[rule.stem].split("/")
    named = {
        name: segments[int(found[1]) - 1]
        for name in ("resource", "shadow")
        if (found := re.fullmatch(r"topic\((\d)\)", column(name, sql) or ""))
    }

    assert named == {"resource": "pump-17"} | ({"shadow": "config"} if rule.stem.startswith("Named") else {})


@pytest.mark.parametrize("rule", SHADOW_EVENTS, ids=lambda rule: rule.stem)
def test_an_event_says_what_happened_which_version_it_made_and_when_it_was_accepted(
    rule: EventRule, primary: Stack
) -> None:
    sql = sql_of(rule, primary)
    updated = rule.stem.endswith("Updated")

    assert column("eventType", sql) == "'SHADOW_EVENT'"
    assert column("operation", sql) == ("'UPDATED'" if updated else "'DELETED'")
    assert column("version", sql) == ("current.version" if updated else "version")
    assert column("timestamp", sql) == "timestamp"
    assert column("accepted_at", sql) == "timestamp()"
    assert column("source_region", sql) == f"'{PRIMARY}'"


def test_an_update_carries_what_the_shadow_is_now_and_nothing_else_of_the_message(primary: Stack) -> None:
    carried = {rule.stem: column("payload", sql_of(rule, primary)) for rule in SHADOW_EVENTS}

    assert carried == {
        "ClassicShadowUpdated": "encode(current.state, 'base64')",
        "NamedShadowUpdated": "encode(current.state, 'base64')",
        "ClassicShadowDeleted": None,
        "NamedShadowDeleted": None,
    }


@pytest.mark.parametrize("mode", REPLICATED_BY)
def test_the_mode_decides_which_rules_there_are(mode: str) -> None:
    primary = make_stacks({"ReplicateShadows": mode})["primary"]
    rules = {
        rule.stem
        for rule in SHADOW_EVENTS
        if primary.resolve.holds(primary.template["Resources"][f"{rule.stem}EventRule"]["Condition"])
    }

    assert rules == {
        stem for stem in TOPICS if (CLASSIC if stem.startswith("Classic") else NAMED) in REPLICATED_BY[mode]
    }


def test_the_rules_of_registry_events_are_there_in_every_mode(primary: Stack) -> None:
    shadows = {f"{rule.stem}EventRule" for rule in SHADOW_EVENTS}

    for title, rule in primary.of_type("AWS::IoT::TopicRule").items():
        assert ("Condition" in rule) == (title in {*shadows, "JitrRule"})


@pytest.mark.parametrize(
    ("pattern", "name", "chosen"),
    [
        (".*", "config", True),
        ("config|status", "status", True),
        ("config|status", "old-config", False),
        ("status-.*", "status-1", True),
        ("status", "statuses", False),
    ],
)
def test_the_pattern_is_for_the_whole_name_of_a_named_shadow(
    pattern: str, name: str, chosen: bool, primary: Stack
) -> None:
    for rule in SHADOW_EVENTS:
        sql = primary.template["Resources"][f"{rule.stem}EventRule"]["Properties"]["TopicRulePayload"]["Sql"]["Fn::Sub"]
        where = re.search(r" WHERE regexp_matches\(topic\(6\), '(.+)'\)$", sql)
        assert (where is not None) == rule.stem.startswith("Named")
        if where:
            # AWS's function finds a match anywhere in the text, as re.search does.
            assert bool(re.search(where[1].replace("${ShadowNamePattern}", pattern), name)) == chosen


@pytest.mark.parametrize("pattern", ["", "a'b", "a\\d", "a$", "${x}", "a b", 'a"b', "x" * 257])
def test_a_pattern_that_would_end_the_rules_text_or_mean_something_else_elsewhere_is_refused(
    pattern: str, primary: Stack
) -> None:
    assert not re.fullmatch(primary.template["Parameters"]["ShadowNamePattern"]["AllowedPattern"], pattern)


@pytest.mark.parametrize("pattern", [".*", "config|status-.*", "[a-z]+", "(a|b):[^0-9]?_x", "x" * 256])
def test_a_pattern_of_what_both_sides_read_alike_is_taken(pattern: str, primary: Stack) -> None:
    assert re.fullmatch(primary.template["Parameters"]["ShadowNamePattern"]["AllowedPattern"], pattern)


def test_the_choice_of_shadows_is_the_same_in_every_stack_that_has_it(stacks: dict[str, Stack]) -> None:
    for one, other in itertools.pairwise(("main", "primary", "secondary")):
        for parameter in ("ReplicateShadows", "ShadowNamePattern"):
            assert stacks[one].template["Parameters"][parameter] == stacks[other].template["Parameters"][parameter]
    assert tuple(stacks["main"].template["Parameters"]["ReplicateShadows"]["AllowedValues"]) == tuple(REPLICATED_BY)
    assert stacks["main"].template["Parameters"]["ReplicateShadows"]["Default"] == "all"
