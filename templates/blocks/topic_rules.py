"""Topic rules that write each event into a table, and what they could not write into a queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from troposphere import GetAtt, Join, Ref, Split, Sub, Template, iam, iot
from troposphere import dynamodb as tables
from troposphere import sqs as queues

from templates.blocks.permissions import put_items, send_messages
from templates.blocks.roles import add_role

SQL_VERSION = "2016-03-23"
"""Needed for `encode(*, 'base64')`; CloudFormation would take 2015-10-08."""
KEEP_EVENTS_SECONDS = 48 * 3600


@dataclass(frozen=True)
class EventRule:
    """What one rule stores: the columns of an item, by name, of the messages on its topics.

    `where` narrows the messages down, `condition` names the template's condition on which there is such a rule.
    """

    stem: str
    description: str
    topic_filter: str
    columns: Mapping[str, str]
    where: str = ""
    condition: str = ""

    @property
    def sql(self) -> str:
        """Return the rule's SQL, for `Fn::Sub`; every item has a key of its own, its Region and an end."""
        columns = {
            **self.columns,
            "event_id": "newuuid()",
            "source_region": "'${AWS::Region}'",
            "expires": f"floor(timestamp() / 1000) + {KEEP_EVENTS_SECONDS}",
        }
        selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
        narrowed = f" WHERE {self.where}" if self.where else ""
        return f"SELECT {selected} FROM '{self.topic_filter}'{narrowed}"  # noqa: S608  # rule SQL made of constants


@dataclass(frozen=True)
class Store:
    """Where rules store events, where they queue what they could not store, and the role that lets them."""

    table: tables.GlobalTable
    queue: queues.Queue
    role: iam.Role


def add_store(template: Template, title: str, what: str, table: tables.GlobalTable, queue: queues.Queue) -> Store:
    """Add the role of the rules that write to one table and report to one queue."""
    role = add_role(
        template,
        title,
        "iot",
        f"Lets topic rules store {what}, and queue those that they could not store",
        {
            "StoreEvents": (put_items(table),),
            "QueueFailures": (send_messages(queue),),
        },
    )
    return Store(table, queue, role)


def rule_name(stem: str) -> Sub:
    """Name a rule after its stack, since the launch's rights go by that name, and after the launch's UUID.

    Whoever may publish on `$aws/rules/NAME/...` sends the rule any message. With the UUID, which no device knows, that
    takes a policy that allows every rule. A rule's name admits no hyphen.
    https://docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html
    """
    return Sub(f"${{AWS::StackName}}_{stem}_${{OwnUuid}}", OwnUuid=Join("_", Split("-", Ref("Uuid"))))


def add_event_rule(template: Template, rule: EventRule, store: Store) -> iot.TopicRule:
    """Add a rule: one item per event, never an update in place.

    A global table may merge quick changes of one item, so each event has a key of its own. The payload goes as base64,
    for what the action makes of null, numbers and nesting is not documented.
    """
    optional = {"Condition": rule.condition} if rule.condition else {}
    return template.add_resource(
        iot.TopicRule(
            f"{rule.stem}EventRule",
            RuleName=rule_name(f"{rule.stem}Event"),
            TopicRulePayload=iot.TopicRulePayload(
                Description=rule.description,
                Sql=Sub(rule.sql),
                AwsIotSqlVersion=SQL_VERSION,
                RuleDisabled=False,
                Actions=[
                    iot.Action(
                        DynamoDBv2=iot.DynamoDBv2Action(
                            PutItem=iot.PutItemInput(TableName=Ref(store.table)), RoleArn=GetAtt(store.role, "Arn")
                        )
                    )
                ],
                # Without it AWS drops the event after its own retries.
                ErrorAction=iot.Action(
                    Sqs=iot.SqsAction(QueueUrl=Ref(store.queue), RoleArn=GetAtt(store.role, "Arn"), UseBase64=False)
                ),
            ),
            **optional,
        )
    )
