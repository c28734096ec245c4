"""The secondary's side of shadows: stream of their own table -> one function that makes the shadows equal.

No workflow stands between: the function coalesces a batch to the newest event of each shadow and applies it at once.
What it cannot do waits in the ledger, and comes back through the workflow as a request.
docs/adr/0009-shadows-have-a-stream-of-their-own.md
"""

from __future__ import annotations

from awacs import dynamodb
from troposphere import GetAtt, Ref, Template, awslambda, s3
from troposphere import dynamodb as tables

from templates.blocks import leadership, permissions, registry_permissions
from templates.blocks.functions import LambdaSpec, add_function
from templates.blocks.streams import add_stream_alarms, add_stream_mapping
from templates.replication_workflow import WORKER_SECONDS

PRIMARY = "${PrimaryRegion}"
OWN = "${AWS::Region}"
BATCH_SIZE = 1000
"""Updates that came in quick succession meet in one batch, where all but the newest of a shadow fall away."""


def add_shadow_replication(
    template: Template, ledger: tables.Table, bucket: s3.Bucket, layer: awslambda.LayerVersion
) -> awslambda.Function:
    """Add the function with its mapping and alarms; the workflow calls it too."""
    function = add_function(template, _replicate_shadows(ledger, bucket), layer)
    mapping = add_stream_mapping(
        template,
        "ShadowEventMapping",
        stream=Ref("ShadowTableStreamArn"),
        source_region=PRIMARY,
        function=function,
        bucket=bucket,
        batch_size=BATCH_SIZE,
    )
    add_stream_alarms(template, "Shadow events", mapping, function, infix="Shadow")
    return function


def _replicate_shadows(ledger: tables.Table, bucket: s3.Bucket) -> LambdaSpec:
    return LambdaSpec(
        folder="replicate_shadows",
        description="Makes shadows of the secondary equal to the newest events of the primary's, or to the primary's",
        statements=(
            *permissions.read_stream(Ref("ShadowTableStreamArn")),
            *permissions.keep_failed_records(bucket),
            registry_permissions.read_shadows("Primary", PRIMARY),
            registry_permissions.read_shadows("Secondary", OWN),
            registry_permissions.write_shadows("Secondary", OWN),
            permissions.allow(
                "KeepLedger",
                [dynamodb.BatchGetItem, dynamodb.DeleteItem, dynamodb.GetItem, dynamodb.UpdateItem],
                [GetAtt(ledger, "Arn")],
            ),
            permissions.read_quotas(Ref("PrimaryRegion"), Ref("AWS::Region")),
            leadership.on_control("ReadControl", leadership.READ, leadership.replica_arn()),
        ),
        environment={
            "PRIMARY_REGION": Ref("PrimaryRegion"),
            "LEDGER_TABLE": Ref(ledger),
            "CONTROL_TABLE": leadership.replica(),
            "WORK_BUCKET": Ref(bucket),
            "REPLICATE_SHADOWS": Ref("ReplicateShadows"),
            "SHADOW_NAME_PATTERN": Ref("ShadowNamePattern"),
        },
        timeout=WORKER_SECONDS,  # the workflow calls it too
        memory=1769,  # one processor of its own, which a batch keeps busy
    )
