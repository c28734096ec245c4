"""The primary's ear for shadows: topic rules -> a global table of their own that carries them to the secondary.

AWS publishes the whole document after each accepted update, and tells of each deletion. Both topics are of another
depth for named shadows, so there are four rules. Their table is not the registry's, so that a flood of updates keeps no
revoked certificate waiting: docs/adr/0009-shadows-have-a-stream-of-their-own.md.

https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html
"""

from __future__ import annotations

from collections.abc import Mapping

from troposphere import Equals, Or, Ref, Template, sqs

from templates.blocks.event_tables import add_event_table
from templates.blocks.queues import add_dead_letter_queue
from templates.blocks.topic_rules import EventRule, add_event_rule, add_store

CLASSIC, NAMED = "ReplicatesClassicShadows", "ReplicatesNamedShadows"
"""Conditions of the template."""

UPDATED: Mapping[str, str] = {
    "operation": "'UPDATED'",
    "version": "current.version",
    # Of the message alone what the shadow is now: what it was and when each part of it changed is four fifths of it.
    "payload": "encode(current.state, 'base64')",
}
DELETED: Mapping[str, str] = {"operation": "'DELETED'", "version": "version"}

_OF_NAMED = {"shadow": "topic(6)"}
# AWS looks for a match anywhere in the name; the pattern is for the whole of it.
_CHOSEN = "regexp_matches(topic(6), '^(${ShadowNamePattern})$')"


def _shadow_events(
    stem: str, description: str, topics: str, columns: Mapping[str, str], *, named: bool = False
) -> EventRule:
    return EventRule(
        stem,
        description,
        f"$aws/things/+/shadow/{'name/+/' if named else ''}{topics}",
        {
            "resource": "topic(3)",
            **(_OF_NAMED if named else {}),
            "eventType": "'SHADOW_EVENT'",
            **columns,
            "timestamp": "timestamp",
            "accepted_at": "timestamp()",
        },
        where=_CHOSEN if named else "",
        condition=NAMED if named else CLASSIC,
    )


SHADOW_EVENTS = (
    _shadow_events("ClassicShadowUpdated", "Classic shadows after each update", "update/documents", UPDATED),
    _shadow_events("ClassicShadowDeleted", "Classic shadows deleted", "delete/accepted", DELETED),
    _shadow_events("NamedShadowUpdated", "Named shadows after each update", "update/documents", UPDATED, named=True),
    _shadow_events("NamedShadowDeleted", "Named shadows deleted", "delete/accepted", DELETED, named=True),
)


def add_shadow_capture(template: Template) -> sqs.Queue:
    """Add table and rules, and return the queue of what the rules could not store.

    The table is there even if no shadow is replicated: it costs nothing while it is empty, and the choice can change.
    """
    for condition, kind in ((CLASSIC, "classic"), (NAMED, "named")):
        template.add_condition(condition, Or(*(Equals(Ref("ReplicateShadows"), value) for value in ("all", kind))))
    # What is lost here is read anew from the shadows themselves, so a backup would serve nobody.
    table = add_event_table(template, "ShadowEventTable", "ShadowTableName", backed_up=False)
    queue = add_dead_letter_queue(template, "ShadowRuleErrorQueue")
    store = add_store(template, "ShadowEventRulesRole", "shadow events", table, queue)
    for rule in SHADOW_EVENTS:
        add_event_rule(template, rule, store)
    return queue
