"""Statements by intent: the Sid says what for, actions stand by name, and a `*` has its reason on its line.

Which actions know which resources: https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awacs import awslambda, dynamodb, logs, s3, secretsmanager, sqs, states
from awacs.aws import Action, Allow, ArnEquals, Bool, Condition, Deny, Principal, Statement, StringEquals
from troposphere import GetAtt, Ref, Sub

from templates.blocks.solution import source

OWN_REGION = "${AWS::Region}"


def allow(intent: str, actions: Sequence[Action], resources: Sequence[Any], condition: Any = None) -> Statement:
    """Allow actions on resources, under a Sid that says what for."""
    optional = {} if condition is None else {"Condition": Condition(condition)}
    return Statement(Sid=intent, Effect=Allow, Action=list(actions), Resource=list(resources), **optional)


def arn(service: str, resource: str, region: str = OWN_REGION, **values: Any) -> Sub:
    """Return an ARN of this account; `region` and `resource` may hold `${...}` of `Fn::Sub`, with `values` for them."""
    return Sub(f"arn:${{AWS::Partition}}:{service}:{region}:${{AWS::AccountId}}:{resource}", **values)


def in_regions(*regions: Any) -> StringEquals:
    """Hold a statement to Regions, where its actions know no resource that would."""
    return StringEquals({"aws:RequestedRegion": list(regions)})


def write_log(log_group: Any) -> Statement:
    """Write to one log group, which exists before its writer does; so nobody needs to create any."""
    # The log group's ARN attribute ends with `:*`, its streams.
    return allow("WriteOwnLog", [logs.CreateLogStream, logs.PutLogEvents], [GetAtt(log_group, "Arn")])


def invoke(*functions: Any) -> Statement:
    """Call functions."""
    return allow("InvokeFunction", [awslambda.InvokeFunction], [GetAtt(function, "Arn") for function in functions])


def run_executions(state_machine: Any) -> Statement:
    """Run executions of one Express state machine, whose Ref is its ARN, and wait for their end."""
    return allow("RunReplication", [states.StartSyncExecution], [Ref(state_machine)])


def ask_for_requests(queue: Any) -> Statement:
    """Send to a queue of requests."""
    return allow("AskForLooks", [sqs.SendMessage], [GetAtt(queue, "Arn")])


def read_quotas(*regions: Any) -> Statement:
    """Learn how many calls per second the account may make."""
    return allow(
        "ReadQuotas",
        [Action("servicequotas", "ListServiceQuotas")],
        ["*"],  # ListServiceQuotas knows no resource
        in_regions(*regions),
    )


def in_own_account() -> StringEquals:
    """Hold a statement to this account's own buckets: whoever takes a name that is free may be a stranger."""
    return StringEquals({"s3:ResourceAccount": Ref("AWS::AccountId")})


def read_release(*regions: Any) -> list[Statement]:
    """Read the release's files in the buckets of Regions and that of the templates, and see that one is not there.

    Without the right to list, S3 answers 403 for what is not there, as for what is closed.
    """
    prefix = {"Prefix": source("BucketPrefix")}
    buckets = [
        Sub("arn:${AWS::Partition}:s3:::${Prefix}-reference", **prefix),
        *(Sub("arn:${AWS::Partition}:s3:::${Prefix}-${Region}", **prefix, Region=region) for region in regions),
    ]
    objects = [
        Sub("${Bucket}/${KeyPrefix}/*", Bucket=bucket, KeyPrefix=source("KeyPrefix"))  # the whole release
        for bucket in buckets
    ]
    return [
        allow("ReadAssets", [s3.GetObject], objects, in_own_account()),
        allow("FindAssets", [s3.ListBucket], buckets, in_own_account()),
    ]


def read_secrets(*secrets: Any) -> Statement:
    """Read the values of secrets."""
    return allow("ReadSecrets", [secretsmanager.GetSecretValue], [GetAtt(secret, "Id") for secret in secrets])


def read_stream(stream_arn: Any) -> list[Statement]:
    """Let an event source mapping read a table's stream with its function's role.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    return [
        allow("ReadStream", [dynamodb.DescribeStream, dynamodb.GetRecords, dynamodb.GetShardIterator], [stream_arn]),
        allow(
            "FindStream",
            [dynamodb.ListStreams],
            ["*"],  # ListStreams knows no resource
            in_regions(Ref("AWS::Region")),
        ),
    ]


def keep_failed_records(bucket: Any) -> list[Statement]:
    """Let an event source mapping put what it gave up on into a bucket, and its function what it cannot read.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """
    given_up = Sub(f"${{{bucket.title}.Arn}}/aws/lambda/*")  # Lambda chooses the key below its prefix
    unreadable = Sub(f"${{{bucket.title}.Arn}}/unreadable/*")  # the function puts a record here under its ID
    return [
        allow("KeepFailedRecords", [s3.PutObject], [given_up, unreadable]),
        allow("FindFailedRecordsBucket", [s3.ListBucket], [GetAtt(bucket, "Arn")]),
    ]


def read_queue(queue: Any) -> Statement:
    """Let an event source mapping read a queue with its function's role.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    return allow("ReadQueue", [sqs.DeleteMessage, sqs.GetQueueAttributes, sqs.ReceiveMessage], [GetAtt(queue, "Arn")])


def send_messages(*queues: Any) -> Statement:
    """Send to queues."""
    return allow("QueueMessages", [sqs.SendMessage], [GetAtt(queue, "Arn") for queue in queues])


def put_items(table: Any) -> Statement:
    """Write items into a table."""
    return allow("StoreEvents", [dynamodb.PutItem], [GetAtt(table, "Arn")])


def let_rule_send(queue: str, rule: Any) -> Statement:
    """Let EventBridge send what a rule could not deliver; part of the queue's own policy.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    return Statement(
        Sid="QueueUndelivered",
        Effect=Allow,
        Principal=Principal("Service", "events.amazonaws.com"),
        Action=[sqs.SendMessage],
        Resource=[GetAtt(queue, "Arn")],
        Condition=Condition(ArnEquals({"aws:SourceArn": rule})),
    )


def deny_without_tls(actions: Sequence[Action], resources: Sequence[Any]) -> Statement:
    """Refuse everybody who comes without TLS; part of a resource's own policy."""
    return Statement(
        Sid="DenyWithoutTls",
        Effect=Deny,
        Principal=Principal("*"),  # everybody: it is a denial
        Action=list(actions),
        Resource=list(resources),
        Condition=Condition(Bool({"aws:SecureTransport": "false"})),
    )
