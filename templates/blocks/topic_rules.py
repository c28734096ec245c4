"""Topic rules that write each registry event into a table, and what they could not write into a queue."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import GetAtt, Ref, Sub, Template, iam, iot
from troposphere import dynamodb as tables
from troposphere import sqs as queues

from templates.blocks.permissions import put_items, send_messages
from templates.blocks.roles import add_role

SQL_VERSION = "2016-03-23"
"""Needed for `encode(*, 'base64')`; CloudFormation would take 2015-10-08."""
KEEP_EVENTS_SECONDS = 48 * 3600


@dataclass(frozen=True)
class EventFamily:
    """One family of registry events: its topics, and which segment of the topic names the resource it is about.

    https://docs.aws.amazon.com/iot/latest/developerguide/registry-events.html
    """

    stem: str
    topic_filter: str
    name_segment: int
    description: str


def add_rules_role(template: Template, table: tables.GlobalTable, queue: queues.Queue) -> iam.Role:
    """Add the role of all event rules; they write to one table and report to one queue."""
    return add_role(
        template,
        "RegistryEventRulesRole",
        "iot",
        "Lets topic rules store registry events, and queue those that they could not store",
        {
            "StoreEvents": (put_items(table),),
            "QueueFailures": (send_messages(queue),),
        },
    )


def add_event_rule(
    template: Template, family: EventFamily, table: tables.GlobalTable, queue: queues.Queue, role: iam.Role
) -> iot.TopicRule:
    """Add the rule of one family: one item per event, never an update in place.

    A global table may merge quick changes of one item, so each event has a key of its own. The payload goes as base64,
    for what the action makes of null, numbers and nesting is not documented.
    """
    return template.add_resource(
        iot.TopicRule(
            f"{family.stem}EventRule",
            # Named after its stack, since the launch's rights go by that name; a rule's name admits no hyphen.
            RuleName=Sub(f"${{AWS::StackName}}_{family.stem}Event"),
            TopicRulePayload=iot.TopicRulePayload(
                Description=family.description,
                Sql=Sub(_select(family)),
                AwsIotSqlVersion=SQL_VERSION,
                RuleDisabled=False,
                Actions=[
                    iot.Action(
                        DynamoDBv2=iot.DynamoDBv2Action(
                            PutItem=iot.PutItemInput(TableName=Ref(table)), RoleArn=GetAtt(role, "Arn")
                        )
                    )
                ],
                # Without it AWS drops the event after its own retries.
                ErrorAction=iot.Action(
                    Sqs=iot.SqsAction(QueueUrl=Ref(queue), RoleArn=GetAtt(role, "Arn"), UseBase64=False)
                ),
            ),
        )
    )


def _select(family: EventFamily) -> str:
    columns = (
        f"topic({family.name_segment}) AS resource",
        "newuuid() AS event_id",
        "'${AWS::Region}' AS source_region",
        "eventType AS eventType",
        "operation AS operation",
        f"floor(timestamp() / 1000) + {KEEP_EVENTS_SECONDS} AS expires",
        "encode(*, 'base64') AS payload",
    )
    return f"SELECT {', '.join(columns)} FROM '{family.topic_filter}'"  # noqa: S608  # rule SQL made of constants
