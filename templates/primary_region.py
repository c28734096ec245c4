"""The primary Region's stack: registry events -> topic rules -> a global table that carries them to the secondary."""

from __future__ import annotations

from troposphere import GetAtt, Output, Ref, Sub, Template
from troposphere import dynamodb as tables

from templates.blocks import parameters
from templates.blocks.alarms import add_alarm
from templates.blocks.buckets import add_private_bucket
from templates.blocks.queues import add_dead_letter_queue
from templates.blocks.solution import source, start_template
from templates.blocks.topic_rules import EventFamily, add_event_rule, add_rules_role
from templates.config import Config

EVENT_FAMILIES = (
    EventFamily("Thing", "$aws/events/thing/+/+", 4, "Things created, updated and deleted"),
    EventFamily("ThingType", "$aws/events/thingType/+/+", 4, "Thing types created, deprecated and deleted"),
)


def build(config: Config) -> Template:
    """Return the template of the primary Region."""
    template = start_template(
        config, "Disaster recovery for AWS IoT Core: captures registry events in the primary Region"
    )
    _add_form(template, config)
    table = _add_event_table(template)
    queue = add_dead_letter_queue(template, "RuleErrorQueue")
    role = add_rules_role(template, table, queue)
    for family in EVENT_FAMILIES:
        add_event_rule(template, family, table, queue, role)
    add_alarm(
        template,
        "RuleErrorAlarm",
        "Registry events could not be stored; the queue holds them for replay",
        metric=("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        dimensions={"QueueName": GetAtt(queue, "QueueName")},
        statistic="Maximum",
    )
    bucket = add_private_bucket(template, "WorkBucket", Sub("iot-dr-primary-${Uuid}"))
    template.add_output(
        [
            Output("SolutionVersion", Description="Release of this stack", Value=source("Version")),
            Output("GlobalTableName", Description="Table that carries registry events", Value=Ref(table)),
            Output("GlobalTableStreamArn", Description="Its stream in this Region", Value=GetAtt(table, "StreamArn")),
            Output("RuleErrorQueueUrl", Description="Events that could not be stored", Value=Ref(queue)),
            Output("WorkBucketName", Description="Holds the operator's tools", Value=Ref(bucket)),
        ]
    )
    return template


def _add_form(template: Template, config: Config) -> None:
    parameters.add_form(
        template,
        {
            "Regions": (
                parameters.region(
                    config, "SecondaryRegion", "Secondary Region", "Region that is kept equal to this one."
                ),
            ),
            "Names": (
                parameters.text(
                    "GlobalTableName",
                    "Name of the global table",
                    "Table that carries registry events to the secondary Region.",
                    "[A-Za-z0-9_.-]{3,255}",
                    "must be 3 to 255 letters, digits, underscores, dots and hyphens",
                ),
                parameters.uuid(),
            ),
        },
    )


def _add_event_table(template: Template) -> tables.GlobalTable:
    """Add the table of both Regions; version 2019.11.21, made whole by this stack.

    Events live for two days, so the table goes with its stack, but never by a change of its properties.
    """
    return template.add_resource(
        tables.GlobalTable(
            "RegistryEventTable",
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Retain",
            TableName=Ref("GlobalTableName"),
            AttributeDefinitions=[
                tables.AttributeDefinition(AttributeName="resource", AttributeType="S"),
                tables.AttributeDefinition(AttributeName="event_id", AttributeType="S"),
            ],
            KeySchema=[
                tables.KeySchema(AttributeName="resource", KeyType="HASH"),
                tables.KeySchema(AttributeName="event_id", KeyType="RANGE"),
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification=tables.StreamSpecification(StreamViewType="NEW_AND_OLD_IMAGES"),
            TimeToLiveSpecification=tables.TimeToLiveSpecification(AttributeName="expires", Enabled=True),
            SSESpecification=tables.GlobalTableSSESpecification(SSEEnabled=True, SSEType="KMS"),
            Replicas=[_replica("AWS::Region"), _replica("SecondaryRegion")],
        )
    )


def _replica(region: str) -> tables.ReplicaSpecification:
    return tables.ReplicaSpecification(
        Region=Ref(region),
        PointInTimeRecoverySpecification=tables.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
    )
