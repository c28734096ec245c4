"""The secondary Region's stack: stream -> trigger -> queue -> workflow -> functions that make the registry equal."""

from __future__ import annotations

from dataclasses import dataclass

from awacs import dynamodb, logs
from troposphere import GetAtt, Output, Ref, Sub, Template, awslambda, s3, stepfunctions
from troposphere import dynamodb as tables

from templates import replication_workflow
from templates.blocks import leadership, parameters, permissions, registry_permissions
from templates.blocks.alarms import add_alarm, add_queue_alarm
from templates.blocks.buckets import add_private_bucket, log_bucket
from templates.blocks.functions import LambdaSpec, add_function, add_layer
from templates.blocks.keys import KEY, add_key, let_role_read_table_in, let_roles_use_key, own_key, with_key
from templates.blocks.log_groups import add_log_group
from templates.blocks.notifications import add_notifications, notification_topic
from templates.blocks.roles import add_role, permissions_boundary
from templates.blocks.schedules import add_schedule, let_schedules_call
from templates.blocks.solution import source, start_template
from templates.blocks.streams import add_stream_alarms, add_stream_mapping
from templates.blocks.tracing import add_tracing, of_state_machine, tracing
from templates.config import Config
from templates.dashboard import add_dashboard
from templates.device_registration import add_device_registration
from templates.failover import add_failover
from templates.failover import form as failover_form
from templates.fleet_sync import add_fleet_sync
from templates.request_queues import RequestQueues, add_request_queues, add_runner, workers_at_once
from templates.shadow_replication import add_shadow_replication

PRIMARY = "${PrimaryRegion}"
OWN = "${AWS::Region}"
RETRY_INDEX = "by_state"
HOUR_SECONDS = 3600
"""What failed is tried again within minutes at first, so that an alarm over an hour rings once and not at each try."""


@dataclass(frozen=True)
class _Functions:
    """The functions that the workflow calls."""

    replicate: awslambda.Function
    shadows: awslambda.Function
    record: awslambda.Function


def build(config: Config) -> Template:
    """Return the template of the secondary Region."""
    template = start_template(
        config, "Disaster recovery for AWS IoT Core: keeps the secondary Region equal to the primary"
    )
    _add_form(template, config)
    add_key(template)
    add_notifications(template)
    add_tracing(template)
    layer = add_layer(template)
    ledger = add_ledger(template)
    bucket = add_private_bucket(template, "WorkBucket", Sub("iot-dr-secondary-${Uuid}"))
    functions = _Functions(
        replicate=add_function(template, _replicate_resource(ledger), layer),
        shadows=add_shadow_replication(template, ledger, bucket, layer),
        record=add_function(template, _record_failure(ledger), layer),
    )
    workflow = _add_workflow(template, functions)
    add_fleet_sync(template, (functions.replicate, functions.shadows, functions.record), ledger, bucket, layer)
    queues = add_request_queues(template)
    add_runner(template, queues, workflow, ledger, layer)
    trigger = add_function(template, _start_replication(queues, bucket, ledger), layer)
    mapping = add_stream_mapping(
        template,
        "RegistryEventMapping",
        stream=Ref("GlobalTableStreamArn"),
        source_region=PRIMARY,
        function=trigger,
        bucket=bucket,
        batch_size=100,
        more=(leadership.ORDERS,),
    )
    sweep = add_function(template, _sweep_registry(ledger, queues), layer)
    _add_schedules(template, sweep)
    _add_alarms(template, mapping, trigger, workflow, sweep)
    add_failover(template, ledger, layer)
    unregistered = add_device_registration(template, queues.events, layer)
    add_queue_alarm(
        template,
        "JitrAlarm",
        "Just-in-time registrations could not be handled; the queue holds them, and each device tells again of its own",
        unregistered,
    )
    template.add_output(
        [
            Output("SolutionVersion", Description="Release of this stack", Value=source("Version")),
            Output("LedgerTableName", Description="State of each replicated resource", Value=Ref(ledger)),
            Output("JitrDeadLetterQueueUrl", Description="Registrations that failed", Value=Ref(unregistered)),
            Output("WorkBucketName", Description="Holds stream records that failed", Value=Ref(bucket)),
            Output("ReplicationStateMachineArn", Description="Workflow that replicates", Value=Ref(workflow)),
            Output("SweepRegistryFunctionName", Description="Function that sweeps and retries", Value=Ref(sweep)),
        ]
    )
    let_roles_use_key(template)
    # Each minute the sweep compares the control item with that of the primary's replica.
    let_role_read_table_in(template, "UsePrimaryKeyPolicy", "SweepRegistryRole", PRIMARY)
    add_dashboard(template)
    return template


def _add_form(template: Template, config: Config) -> None:
    parameters.add_form(
        template,
        {
            "Regions": (
                parameters.region(
                    config, "PrimaryRegion", "Primary Region", "Region whose registry is replicated here."
                ),
            ),
            "Names": (
                parameters.stream_arn("GlobalTableStreamArn", "Stream of the global table's replica in this Region"),
                parameters.stream_arn(
                    "ShadowTableStreamArn", "Stream of the shadows' global table's replica in this Region"
                ),
                parameters.uuid(),
            ),
            "Security": (own_key(), log_bucket()),
            "Alarms": (notification_topic(),),
            "Traces": (tracing(),),
            "Certificates": (parameters.certificate_mode(),),
            "Shadows": parameters.shadows(),
            "Failover": failover_form(),
            "Roles": (permissions_boundary(template),),
            "Tuning": (
                workers_at_once(),
                parameters.number(
                    "SettleSeconds",
                    "Seconds until a device counts as settled",
                    "A new or changed device is checked again until it has not changed for this long; "
                    "attaching a certificate or policy raises no event.",
                    default=3,
                    between=(1, 60),
                ),
                parameters.number(
                    "IncompleteSeconds",
                    "Seconds to wait for a device to be complete",
                    "How long a thing without certificate, or a certificate without policy, is checked again before "
                    "the sweep has it.",
                    default=60,
                    between=(10, 180),
                ),
                parameters.number(
                    "SweepMinutes",
                    "Minutes between sweeps",
                    "How often both registries are compared for what raises no event, such as a revoked certificate "
                    "that no CloudTrail trail reports. A sweep makes 16 list calls per 1,000 devices and 5,800 "
                    "other calls for the slice below. At 15 minutes that is 14 USD a month for 1,000 devices, 20 USD "
                    "for 100,000 and 74 USD for 1,000,000; at 30 minutes about half (docs/cost.md).",
                    default=15,
                    between=(2, 1440),
                ),
                parameters.number(
                    "SweepSlice",
                    "Things and policies per sweep to check whole",
                    "No list shows attachments and documents, so each sweep checks the next so many of each fully. "
                    "This is most of what a sweep costs. With 0 they are compared only after an event.",
                    default=200,
                    between=(0, 5000),
                ),
            ),
        },
    )


def add_ledger(template: Template) -> tables.Table:
    """Add the table that knows how each resource stands.

    It goes with its stack: DynamoDB keeps a backup of a deleted table for 35 days where point-in-time recovery was on.
    """
    return template.add_resource(
        tables.Table(
            "LedgerTable",
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Retain",
            AttributeDefinitions=[
                tables.AttributeDefinition(AttributeName="resource", AttributeType="S"),
                tables.AttributeDefinition(AttributeName="retry_state", AttributeType="S"),
                tables.AttributeDefinition(AttributeName="next_attempt", AttributeType="N"),
            ],
            KeySchema=[tables.KeySchema(AttributeName="resource", KeyType="HASH")],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[
                # Sparse: only what waits for another attempt carries `retry_state`.
                tables.GlobalSecondaryIndex(
                    IndexName=RETRY_INDEX,
                    KeySchema=[
                        tables.KeySchema(AttributeName="retry_state", KeyType="HASH"),
                        tables.KeySchema(AttributeName="next_attempt", KeyType="RANGE"),
                    ],
                    Projection=tables.Projection(ProjectionType="KEYS_ONLY"),
                )
            ],
            # What was noted of a deleted shadow is of use for as long as AWS may go on with its version.
            TimeToLiveSpecification=tables.TimeToLiveSpecification(AttributeName="expires", Enabled=True),
            PointInTimeRecoverySpecification=tables.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
            SSESpecification=tables.SSESpecification(
                SSEEnabled=True,
                SSEType=with_key("KMS"),
                KMSMasterKeyId=with_key(Ref(KEY)),
            ),
        )
    )


def _replicate_resource(ledger: tables.Table) -> LambdaSpec:
    primary, own = Ref("PrimaryRegion"), Ref("AWS::Region")
    return LambdaSpec(
        folder="replicate_resource",
        description="Compares one resource of the registry in both Regions and makes the secondary equal",
        statements=(
            *registry_permissions.read_resources("Primary", PRIMARY, primary),
            *registry_permissions.read_resources("Secondary", OWN, own),
            *registry_permissions.read_policy_use("Primary", PRIMARY),
            *registry_permissions.read_dependents("Secondary", OWN, own),
            *registry_permissions.write_resources("Secondary", OWN, own),
            permissions.allow(
                "KeepLedger",
                [dynamodb.BatchGetItem, dynamodb.DeleteItem, dynamodb.GetItem, dynamodb.UpdateItem],
                [GetAtt(ledger, "Arn")],
            ),
            leadership.on_control("ReadControl", leadership.READ, leadership.replica_arn()),
            permissions.read_quotas(primary, own),
        ),
        environment={
            "PRIMARY_REGION": primary,
            "ACCOUNT_ID": Ref("AWS::AccountId"),
            "LEDGER_TABLE": Ref(ledger),
            "CONTROL_TABLE": leadership.replica(),
            "SETTLE_SECONDS": Ref("SettleSeconds"),
            "INCOMPLETE_SECONDS": Ref("IncompleteSeconds"),
            "CERTIFICATE_MODE": Ref("CertificateMode"),
        },
        # Ten requests side by side, each of which may meet a Region that answers late.
        timeout=replication_workflow.WORKER_SECONDS,
        memory=512,
    )


def _record_failure(ledger: tables.Table) -> LambdaSpec:
    return LambdaSpec(
        folder="record_failure",
        description="Records in the ledger what the workflow could not replicate, for the schedule to retry",
        statements=(permissions.allow("RecordFailures", [dynamodb.UpdateItem], [GetAtt(ledger, "Arn")]),),
        environment={"LEDGER_TABLE": Ref(ledger)},
        timeout=replication_workflow.RECORDER_SECONDS,
    )


def _start_replication(queues: RequestQueues, bucket: s3.Bucket, ledger: tables.Table) -> LambdaSpec:
    return LambdaSpec(
        folder="start_replication",
        description="Queues the distinct resources of a batch of registry events, and lets the fence follow an order",
        statements=(
            *permissions.read_stream(Ref("GlobalTableStreamArn")),
            permissions.ask_for_requests(queues.events),
            *permissions.keep_failed_records(bucket),
            leadership.on_control("KeepOrder", leadership.READ_AND_WRITE, leadership.replica_arn()),
            leadership.on_fence("MoveFence", leadership.READ_AND_WRITE, GetAtt(ledger, "Arn")),
        ),
        environment={
            "LOOK_QUEUE_URL": Ref(queues.events),
            "WORK_BUCKET": Ref(bucket),
            "PRIMARY_REGION": Ref("PrimaryRegion"),
            "LEDGER_TABLE": Ref(ledger),
            "CONTROL_TABLE": leadership.replica(),
        },
        timeout=60,
    )


def _sweep_registry(ledger: tables.Table, queues: RequestQueues) -> LambdaSpec:
    primary, own = Ref("PrimaryRegion"), Ref("AWS::Region")
    return LambdaSpec(
        folder="sweep_registry",
        description="Retries what failed, and finds differences that no event reported",
        statements=(
            *registry_permissions.list_registries(primary, own),
            *registry_permissions.find_probes("Primary", PRIMARY),
            *registry_permissions.find_probes("Secondary", OWN),
            permissions.allow(
                "KeepLedger",
                [dynamodb.GetItem, dynamodb.BatchGetItem, dynamodb.UpdateItem],
                [GetAtt(ledger, "Arn")],
            ),
            leadership.on_control("ReadControl", leadership.READ, leadership.replica_arn()),
            leadership.on_control(
                "CompareControl",
                leadership.READ_CONTROL,
                permissions.arn("dynamodb", "table/${Table}", PRIMARY, Table=leadership.replica()),
            ),
            permissions.allow("FindDue", [dynamodb.Query], [Sub(f"${{{ledger.title}.Arn}}/index/{RETRY_INDEX}")]),
            permissions.ask_for_requests(queues.background),
            permissions.read_quotas(primary, own),
        ),
        environment={
            "PRIMARY_REGION": Ref("PrimaryRegion"),
            "ACCOUNT_ID": Ref("AWS::AccountId"),
            "LEDGER_TABLE": Ref(ledger),
            "CONTROL_TABLE": leadership.replica(),
            "BACKGROUND_QUEUE_URL": Ref(queues.background),
            "SWEEP_SLICE": Ref("SweepSlice"),
            "REPLICATE_SHADOWS": Ref("ReplicateShadows"),
            "CERTIFICATE_MODE": Ref("CertificateMode"),
        },
        timeout=900,
        memory=1024,
    )


def _add_workflow(template: Template, functions: _Functions) -> stepfunctions.StateMachine:
    """Add the Express workflow; its log tells errors without data, for data may hold what no log should.

    State machines are not named after their stack unless told to; the launch's rights go by that name. A log group
    below `/aws/vendedlogs/` spares the account's resource policy, whose size is limited.
    """
    log_group = add_log_group(
        template, "ReplicationLogGroup", Sub("/aws/vendedlogs/states/${AWS::StackName}-replication")
    )
    role = add_role(
        template,
        "ReplicationRole",
        "states",
        "Lets the replication workflow call its functions and deliver its log",
        {
            "InvokeFunctions": (permissions.invoke(functions.replicate, functions.shadows, functions.record),),
            "DeliverLog": (
                permissions.allow(
                    "DeliverLog",
                    [
                        logs.CreateLogDelivery,
                        logs.GetLogDelivery,
                        logs.UpdateLogDelivery,
                        logs.DeleteLogDelivery,
                        logs.ListLogDeliveries,
                        logs.PutResourcePolicy,
                        logs.DescribeResourcePolicies,
                        logs.DescribeLogGroups,
                    ],
                    ["*"],  # log deliveries know no resource
                    permissions.in_regions(Ref("AWS::Region")),
                ),
            ),
        },
    )
    return template.add_resource(
        stepfunctions.StateMachine(
            "ReplicationStateMachine",
            StateMachineName=Sub("${AWS::StackName}-replication"),
            StateMachineType="EXPRESS",
            Definition=replication_workflow.definition(
                GetAtt(functions.replicate, "Arn"), GetAtt(functions.shadows, "Arn"), GetAtt(functions.record, "Arn")
            ),
            RoleArn=GetAtt(role, "Arn"),
            TracingConfiguration=of_state_machine(),
            LoggingConfiguration=stepfunctions.LoggingConfiguration(
                Level="ERROR",
                IncludeExecutionData=False,
                Destinations=[
                    stepfunctions.LogDestination(
                        CloudWatchLogsLogGroup=stepfunctions.CloudWatchLogsLogGroup(
                            LogGroupArn=GetAtt(log_group, "Arn")
                        )
                    )
                ],
            ),
        )
    )


def _add_schedules(template: Template, sweep: awslambda.Function) -> None:
    role = let_schedules_call(template, "Sweep", "Lets the schedules start the sweep", sweep)
    add_schedule(
        template,
        "RetrySchedule",
        "Retries what failed",
        rate="rate(1 minute)",
        function=sweep,
        role=role,
        payload={"task": "retry"},
    )
    add_schedule(
        template,
        "SweepSchedule",
        "Compares both registries",
        rate=Sub("rate(${SweepMinutes} minutes)"),
        function=sweep,
        role=role,
        payload={"task": "sweep"},
    )


def _add_alarms(
    template: Template,
    mapping: awslambda.EventSourceMapping,
    trigger: awslambda.Function,
    workflow: stepfunctions.StateMachine,
    sweep: awslambda.Function,
) -> None:
    add_stream_alarms(template, "Registry events", mapping, trigger)
    add_alarm(
        template,
        "WorkflowFailedAlarm",
        "Executions of the workflow failed, since a failure could not be written to the ledger; they are tried again",
        metric=("AWS/States", "ExecutionsFailed"),
        dimensions={"StateMachineArn": Ref(workflow)},
    )
    add_alarm(
        template,
        "WorkflowTimedOutAlarm",
        "Executions of the workflow took longer than they may; their resources are tried again",
        metric=("AWS/States", "ExecutionsTimedOut"),
        dimensions={"StateMachineArn": Ref(workflow)},
    )
    add_alarm(
        template,
        "SweepFailedAlarm",
        "The sweep, which finds what raises no event, failed",
        metric=("AWS/Lambda", "Errors"),
        dimensions={"FunctionName": Ref(sweep)},
    )
    _add_alarms_of_standing(template)


def _add_alarms_of_standing(template: Template) -> None:
    """Add alarms on what goes on being wrong, though each part does its work."""
    of_all = {"service": "replication"}
    add_alarm(
        template,
        "LagAlarm",
        "For five minutes changes took longer than a minute from their events to the secondary Region",
        metric=("IoTDR", "Late"),
        dimensions=of_all,
        minutes=5,
    )
    add_alarm(
        template,
        "FailedAlarm",
        "AWS refused to replicate some resources within the last hour; iot-dr status names them with the reasons",
        metric=("IoTDR", "Failed"),
        dimensions=of_all,
        period=HOUR_SECONDS,
    )
    of_sweep = {"service": "sweep_registry"}
    add_alarm(
        template,
        "StaleCertificatesAlarm",
        "Every sweep of the last hour found certificates whose status in the secondary Region is not the primary's",
        metric=("IoTDR", "StaleCertificates"),
        dimensions=of_sweep,
        statistic="Minimum",
        period=HOUR_SECONDS,
    )
    add_alarm(
        template,
        "ControlUnequalAlarm",
        "For five minutes the control items of the two Regions have differed, or one is garbled",
        metric=("IoTDR", "ControlUnequal"),
        dimensions=of_sweep,
        minutes=5,
    )
