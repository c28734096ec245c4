"""A sync of the whole fleet in the account: a state machine that lists a kind and checks all of it, kind by kind.

Input: `iot_dr.model.sync.fleet_runs.FleetRun` as JSON, which the states hand on.

    list a leg of the primary's list <──────┬───────────────┐
        │                                   │               │
    whole? ── no ───────────────────────────┘               │
        │ yes                                               │
    apply, and not empty? ── yes ──> check all of it      │
        │ no                              │                 │
        └────────> was it the last kind? <┘ ── no ──────────┘
                          │ yes
                         done

Checking all is a Distributed Map over the inventory in the work bucket. Its batches of ten requests are Express
executions of their own (`templates.batch_states`), whose results are kept in the bucket.
https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html

What a request meets stands in the ledger. A batch fails only if its function dies and not even that can be recorded, if
Lambda has no room for it for a minute, or if it takes longer than an Express execution may. Some such batches are
tolerated, and their requests are told at the end; if there are many, something is wrong with all, and the run fails, to
be redriven once that is mended.
"""

from __future__ import annotations

from typing import Any

from awacs import dynamodb, iot, s3, states
from awacs.aws import StringLike
from troposphere import GetAtt, Output, Ref, Sub, Template, awslambda, stepfunctions
from troposphere import dynamodb as tables
from troposphere import s3 as buckets

from templates import batch_states
from templates.blocks import permissions, registry_permissions
from templates.blocks.functions import LambdaSpec, add_function
from templates.blocks.roles import add_role
from templates.blocks.states import INVOKE, State, choose, expression, fail, hand_on, machine, succeed
from templates.blocks.tracing import of_state_machine

REQUESTS_PER_BATCH = 10
"""What the worker takes side by side; a test holds it to the code's."""

TOLERATED_PERCENTAGE = 5
"""Requests whose batches may fail before the run does."""

LABEL = "looks"
"""Part of the name of each Map Run, which rights go by."""

NAME = "${AWS::StackName}-fleet-sync"
FILES = "sync/"
"""Prefix in the work bucket; a test holds it to the code's."""

KEPT_DAYS = 30

FUNCTIONS = tuple[awslambda.Function, awslambda.Function, awslambda.Function]
"""Those that the replication workflow calls: for the registry, for shadows, and to record failures."""


def add_fleet_sync(
    template: Template,
    functions: FUNCTIONS,
    ledger: tables.Table,
    bucket: buckets.Bucket,
    layer: awslambda.LayerVersion,
) -> None:
    """Add the state machine with the function that lists, and name it in the outputs."""
    listing = add_function(template, _list_fleet(ledger, bucket), layer)
    called = (listing, *functions)
    role = add_role(
        template,
        "FleetSyncRole",
        "states",
        "Lets the sync of the fleet call its functions, run its batches, and read and write its files",
        {
            "InvokeFunctions": (permissions.invoke(*called),),
            "RunBatches": (
                # A Map Run starts its batches as executions of its own state machine, and watches over them.
                # https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
                permissions.allow(
                    "StartBatches", [states.StartExecution], [permissions.arn("states", f"stateMachine:{NAME}")]
                ),
                permissions.allow(
                    "WatchBatches",
                    [states.DescribeExecution],
                    [
                        permissions.arn("states", f"execution:{NAME}:*"),  # any execution
                        permissions.arn("states", f"express:{NAME}/{LABEL}:*:*"),  # any batch, as an Express one
                    ],
                ),
                permissions.allow(
                    "StopBatches",
                    [states.StopExecution],
                    [permissions.arn("states", f"execution:{NAME}:*")],  # the same
                ),
                permissions.allow(
                    "RedriveBatches",
                    [states.RedriveExecution],
                    [permissions.arn("states", f"execution:{NAME}/{LABEL}:*")],  # any batch
                ),
            ),
            "KeepFiles": (
                permissions.allow(
                    "ReadInventories",
                    [s3.GetObject],
                    [_files(bucket, "*/inventory/*")],  # of any run
                ),
                permissions.allow(
                    "KeepResults",
                    # What Step Functions asks for to write results.
                    [s3.AbortMultipartUpload, s3.GetObject, s3.ListMultipartUploadParts, s3.PutObject],
                    [_files(bucket, "*/results/*")],  # of any run
                ),
            ),
        },
    )
    state_machine = template.add_resource(
        stepfunctions.StateMachine(
            "FleetSyncStateMachine",
            StateMachineName=Sub(NAME),
            StateMachineType="STANDARD",
            Definition=definition(Ref(bucket), *(GetAtt(function, "Arn") for function in called)),
            RoleArn=GetAtt(role, "Arn"),
            TracingConfiguration=of_state_machine(),
            # cfn-lint takes MaxConcurrency for a number; JSONata may stand there, as AWS's CDK has it.
            # https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_stepfunctions.DistributedMapJsonataProps.html
            Metadata={"cfn-lint": {"config": {"ignore_checks": ["E3601"]}}},
        )
    )
    # The inventory of a run is of no use once the fleet has moved on.
    bucket.LifecycleConfiguration.Rules.append(
        buckets.LifecycleRule(Id="ForgetSyncs", Status="Enabled", Prefix=FILES, ExpirationInDays=KEPT_DAYS)
    )
    template.add_output(
        Output("FleetSyncStateMachineArn", Description="Syncs the whole fleet", Value=Ref(state_machine))
    )


def definition(bucket: Any, list_fleet: Any, replicate_resource: Any, replicate_shadows: Any, record: Any) -> State:
    """Return the definition, with the bucket's name and the ARNs of the functions that it calls."""
    return machine(
        "Lists the primary's registry kind by kind, and has all of it checked",
        {
            "List": _listing(list_fleet),
            "Listed": choose(
                {
                    "$states.input.more": "List",
                    "$states.input.apply and $states.input.rows > 0": "Check all",
                },
                otherwise="Kind done",
            ),
            "Check all": _check_all(bucket, replicate_resource, replicate_shadows, record),
            "Kind done": choose({"$states.input.last": "Done"}, otherwise="List"),
            "Done": succeed(),
        },
    )


def _listing(list_fleet: Any) -> State:
    return {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": list_fleet, "Payload": expression("$states.input")},
        "Output": expression("$states.result.Payload"),
        "Retry": [retrier.to_json() for retrier in batch_states.RETRIES],
        "Next": "Listed",
    }


def _check_all(bucket: Any, replicate_resource: Any, replicate_shadows: Any, record: Any) -> State:
    batch = batch_states.batch_states(replicate_resource, replicate_shadows, record)
    requests = {
        "Take batch": hand_on({"looks": expression("$states.input.Items")}, then=next(iter(batch))),
        **batch,
        batch_states.AFTER: choose(
            {"$states.input.outcome = 'unrecorded'": "Failure lost"}, otherwise="Recorded at last"
        ),
        "Recorded at last": hand_on({"outcome": "recorded"}),
        "Failure lost": fail("FailureLost", "Resources could not be replicated and the ledger could not be told"),
    }
    return {
        "Type": "Map",
        "Label": LABEL,
        "ItemReader": {
            "Resource": Sub("arn:${AWS::Partition}:states:::s3:getObject"),
            "ReaderConfig": {"InputType": "JSONL"},
            "Arguments": {"Bucket": bucket, "Key": expression("$states.input.inventory")},
        },
        "ItemBatcher": {"MaxItemsPerBatch": REQUESTS_PER_BATCH},
        "MaxConcurrency": expression("$states.input.at_once"),
        "ToleratedFailurePercentage": TOLERATED_PERCENTAGE,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "Take batch",
            "States": requests,
        },
        "ResultWriter": {
            "Resource": Sub("arn:${AWS::Partition}:states:::s3:putObject"),
            "Arguments": {"Bucket": bucket, "Prefix": expression("$states.input.results")},
        },
        # The results are in the bucket; what goes on is the run.
        "Output": expression("$states.input"),
        "Next": "Kind done",
    }


def _list_fleet(ledger: tables.Table, bucket: buckets.Bucket) -> LambdaSpec:
    primary = Ref("PrimaryRegion")
    return LambdaSpec(
        folder="list_fleet",
        description="Lists a kind of the primary's resources into an inventory for a sync of the fleet",
        statements=(
            *registry_permissions.list_registries(primary),
            permissions.allow(
                "SeeIndexing",
                [iot.GetIndexingConfiguration],
                ["*"],  # GetIndexingConfiguration knows no resource
                permissions.in_regions(primary),
            ),
            permissions.allow(
                "SelectThings", [iot.SearchIndex], [permissions.arn("iot", "index/AWS_Things", "${PrimaryRegion}")]
            ),
            permissions.allow("SeeOwned", [dynamodb.BatchGetItem], [GetAtt(ledger, "Arn")]),
            permissions.allow("FindFailed", [dynamodb.Query], [_index(ledger)]),
            permissions.allow("WriteInventories", [s3.PutObject], [_files(bucket, "*/inventory/*")]),  # of any run
            permissions.allow("ReadResults", [s3.GetObject], [_files(bucket, "*/results/*")]),  # of any run
            permissions.allow(
                "FindResults",
                [s3.ListBucket],
                [GetAtt(bucket, "Arn")],
                StringLike({"s3:prefix": f"{FILES}*/results/*"}),  # of any run
            ),
        ),
        environment={
            "PRIMARY_REGION": primary,
            "ACCOUNT_ID": Ref("AWS::AccountId"),
            "LEDGER_TABLE": Ref(ledger),
            "WORK_BUCKET": Ref(bucket),
        },
        timeout=900,
        memory=512,
    )


def _index(ledger: tables.Table) -> Sub:
    (index,) = ledger.GlobalSecondaryIndexes
    return Sub(f"${{{ledger.title}.Arn}}/index/{index.IndexName}")


def _files(bucket: buckets.Bucket, below: str) -> Sub:
    return Sub(f"${{{bucket.title}.Arn}}/{FILES}{below}")
