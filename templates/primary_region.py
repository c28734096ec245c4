"""The primary Region's stack: registry events -> topic rules -> a global table that carries them to the secondary.

Beside the rules stand the recorder of calls that raise no registry event (`management_events`), and the rules and the
table of shadow events (`shadow_capture`).
"""

from __future__ import annotations

from troposphere import GetAtt, Output, Ref, Sub, Template

from templates.blocks import parameters
from templates.blocks.alarms import add_queue_alarm
from templates.blocks.buckets import add_private_bucket, log_bucket
from templates.blocks.event_tables import add_event_table
from templates.blocks.functions import add_layer
from templates.blocks.keys import add_key, let_roles_use_key, own_key
from templates.blocks.notifications import add_notifications, notification_topic
from templates.blocks.queues import add_dead_letter_queue
from templates.blocks.roles import permissions_boundary
from templates.blocks.solution import source, start_template
from templates.blocks.topic_rules import EventRule, add_event_rule, add_store
from templates.blocks.tracing import add_tracing, tracing
from templates.config import Config
from templates.device_registration import add_device_provisioning
from templates.management_events import add_management_events
from templates.shadow_capture import add_shadow_capture


def _registry_events(stem: str, topic_filter: str, name_segment: int, description: str) -> EventRule:
    """Describe the rule of one family of registry events; a segment of its topics names the resource.

    https://docs.aws.amazon.com/iot/latest/developerguide/registry-events.html
    """
    columns = {
        "resource": f"topic({name_segment})",
        "eventType": "eventType",
        "operation": "operation",
        "payload": "encode(*, 'base64')",
    }
    return EventRule(stem, description, topic_filter, columns)


REGISTRY_EVENTS = (
    _registry_events("Thing", "$aws/events/thing/+/+", 4, "Things created, updated and deleted"),
    _registry_events("ThingType", "$aws/events/thingType/+/+", 4, "Thing types created, deprecated and deleted"),
    _registry_events("ThingGroup", "$aws/events/thingGroup/+/+", 4, "Thing groups created, updated and deleted"),
    _registry_events(
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
    add_key(template)
    add_notifications(template)
    add_tracing(template)
    table = add_event_table(template, "RegistryEventTable", "GlobalTableName", backed_up=True)
    queue = add_dead_letter_queue(template, "RuleErrorQueue")
    store = add_store(template, "RegistryEventRulesRole", "registry events", table, queue)
    for rule in REGISTRY_EVENTS:
        add_event_rule(template, rule, store)
    layer = add_layer(template)
    undelivered = add_management_events(template, table, layer)
    add_queue_alarm(
        template, "RuleErrorAlarm", "Registry events could not be stored; the queue holds them for replay", queue
    )
    add_queue_alarm(
        template,
        "ManagementEventAlarm",
        "Calls that raise no registry event could not be stored; the sweep finds what they changed",
        undelivered,
    )
    shadow_errors = add_shadow_capture(template)
    add_queue_alarm(
        template,
        "ShadowRuleErrorAlarm",
        "Shadow events could not be stored; the sweep finds the shadows that they were about",
        shadow_errors,
    )
    add_device_provisioning(template, layer)
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
            Output("ShadowTableName", Description="Table that carries shadow events", Value=Ref("ShadowTableName")),
            Output(
                "ShadowRuleErrorQueueUrl",
                Description="Shadow events that could not be stored",
                Value=Ref(shadow_errors),
            ),
            Output("WorkBucketName", Description="Holds the operator's tools", Value=Ref(bucket)),
        ]
    )
    let_roles_use_key(template)
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
                parameters.table_name(
                    "GlobalTableName",
                    "Name of the global table",
                    "Table that carries registry events to the secondary Region.",
                ),
                parameters.table_name(
                    "ShadowTableName",
                    "Name of the shadows' global table",
                    "Table that carries shadow events to the secondary Region.",
                ),
                parameters.uuid(),
            ),
            "Security": (own_key(), log_bucket()),
            "Alarms": (notification_topic(),),
            "Traces": (tracing(),),
            "Certificates": (parameters.provisioning_template("Empty: none."),),
            "Shadows": parameters.shadows(),
            "Roles": (permissions_boundary(template),),
        },
    )
