"""The primary Region's stack: registry events -> topic rules -> a global table that carries them to the secondary.

Beside the rules stands the recorder of calls that raise no registry event (`management_events`).
"""

from __future__ import annotations

from troposphere import GetAtt, Output, Ref, Sub, Template
from troposphere import dynamodb as tables

from templates.blocks import parameters
from templates.blocks.alarms import add_queue_alarm
from templates.blocks.buckets import add_private_bucket
from templates.blocks.functions import add_layer
from templates.blocks.queues import add_dead_letter_queue
from templates.blocks.solution import source, start_template
from templates.blocks.topic_rules import EventFamily, add_event_rule, add_rules_role
from templates.config import Config
from templates.management_events import add_management_events

EVENT_FAMILIES = (
    EventFamily("Thing", "$aws/events/thing/+/+", 4, "Things created, updated and deleted"),
    EventFamily("ThingType", "$aws/events/thingType/+/+", 4, "Thing types created, deprecated and deleted"),
    EventFamily("ThingGroup", "$aws/events/thingGroup/+/+", 4, "Thing groups created, updated and deleted"),
    EventFamily(
        "ThingGroupMembership",
        "$aws/events/thingGroupMembership/thingGroup/+/thing/+/+",
        7,
        "Things added to thing groups and removed from them",
    ),
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
    undelivered = add_management_events(template, table, add_layer(template))
    add_queue_alarm(
        template, "RuleErrorAlarm", "Registry events could not be stored; the queue holds them for replay", queue
    )
    add_queue_alarm(
        template,
        "ManagementEventAlarm",
        "Calls that raise no registry event could not be stored; the sweep finds what they changed",
        undelivered,
    )
    bucket = add_private_bucket(template, "WorkBucket", Sub("iot-dr-primary-${Uuid}"))
    template.add_output(
        [
            Output("SolutionVersion", Description="Release of this stack", Value=source("Version")),
            Output("GlobalTableName", Description="Table that carries registry events", Value=Ref(table)),
            Output("GlobalTableStreamArn", Description="Its stream in this Region", Value=GetAtt(table, "StreamArn")),
            Output("RuleErrorQueueUrl", Description="Events that could not be stored", Value=Ref(queue)),
            Output(
                "ManagementEventQueueUrl",
                Description="Calls without registry event that could not be stored",
                Value=Ref(undelivered),
            ),
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
