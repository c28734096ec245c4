"""What only a person can settle: it needs a launch to be changed, an outage, hours, or a look at a bill."""

from __future__ import annotations

from tests.real_account.doubts import Doubt

DOUBTS = (
    Doubt(
        "replicated-expiry-looks-like-a-deletion",
        "What DynamoDB drops by its time to live arrives in the other Region as an ordinary deletion.",
        "PutItem with `expires` in the past into a global table of two Regions; GetRecords of the other Region's stream"
        " up to 48 hours later; read `userIdentity`",
        "Nothing: the stream mapping takes new items only.",
    ),
    Doubt(
        "keys-of-two-tables",
        "A condition on `dynamodb:LeadingKeys` holds for BatchGetItem about two tables, each key by itself.",
        "with the operator's policy of docs/failover-policies.md: BatchGetItem of control item and fence, then of"
        " another key",
        "`failover` is refused, with the right that it lacks; the runbook's calls name one table each.",
    ),
    Doubt(
        "called-via-cloudformation",
        "`aws:CalledVia` names CloudFormation in the calls that a launch's build makes through it.",
        "launch; on AccessDenied read the denied action of the failed resource in CloudTrail",
        "The launch fails at its first role, and names it.",
    ),
    Doubt(
        "access-logs-need-two-rights",
        "PutBucketLogging needs `s3:PutBucketLogging` on the bucket alone; writing is the bucket policy's.",
        "launch with `PrimaryAccessLogBucket`; GetBucketLogging, and a log object within hours",
        "The launch fails at the work bucket.",
    ),
    Doubt(
        "empty-variables-reach-the-build",
        "CodeBuild passes an environment variable with an empty value.",
        "launch with an empty `KmsKeyId`; the build's log",
        "A choice that is empty counts as not given, which is the same.",
    ),
    Doubt(
        "requests-without-a-route",
        "API Gateway counts requests without a route in the API's metric `4xx`, logs them, and takes none of a route's"
        " throttle for them.",
        "`curl https://HOST/nothing` 100 times; the metric `4xx` and the access log; GET of the path meanwhile",
        "`HealthStrangersAlarm` stays silent, or strangers can use up the route's throttle.",
    ),
    Doubt(
        "calculated-check-without-a-child",
        "A calculated health check whose child is deleted goes on with the children that are left.",
        "update `HealthCheckInterval` of a launch with a name in a quiet hour; GetHealthCheckStatus of both checks",
        "The primary's record is empty or full for the minutes between both updates.",
    ),
    Doubt(
        "runtime-exit-error",
        "A function whose process dies fails with `Runtime.ExitError`, for Step Functions too.",
        "invoke a function that calls `os._exit(1)` by a state machine; read `error` of the history",
        "The request is tried again by the workflow's last rule instead of its own.",
    ),
    Doubt(
        "failed-batches-in-the-bucket",
        "A failure destination in S3 holds the records whole, below `aws/lambda/`.",
        "take the trigger's right to the queue away for ten tries; GetObject of what comes",
        "`replay` lists the object as unreadable, with its reason; the sweep finds the resources.",
    ),
    Doubt(
        "redrive-of-a-map-run",
        "RedriveExecution runs the failed batches of a sync in the account again, and no other.",
        "`iot-dr sync --in-cloud --apply` with a policy that AWS refuses; `iot-dr sync --redrive --apply`",
        "A sync is started again and finds most of it equal.",
    ),
    Doubt(
        "disabled-domain-keeps-connections",
        "A domain configuration that is disabled refuses new connections and keeps the live ones.",
        "UpdateDomainConfiguration with `DISABLED` while a device is connected by its name",
        "Nothing: no failover rests on it.",
    ),
    Doubt(
        "attachments-name-the-thing",
        "AWS sends `iot:thingArn` with AttachThingPrincipal and DetachThingPrincipal.",
        "as a role with the condition `ArnEquals` on it: AttachThingPrincipal of another thing",
        "The probe's function may attach certificates to other things too (SECURITY.md).",
    ),
    Doubt(
        "registration-has-its-callers-rights",
        "RegisterThing makes what a template says with the rights of its caller, not of the template's role.",
        "as a role with `iot:RegisterThing` and without `iot:CreateThing`: RegisterThing; then with both",
        "`provision_device` has more rights than it needs, or lacks one: DeviceProvisioningAlarm rings.",
    ),
    Doubt(
        "traces-go-on",
        "A trace goes on from the trigger over the queue to the workflow and its worker, without X-Ray's library.",
        "launch with `Tracing` = `yes`; create a thing; GetTraceSummaries and BatchGetTraces in the secondary",
        "Each part has a trace of its own; their times are right.",
    ),
    Doubt(
        "connections-have-quotas",
        "DeleteConnection and GetConnection have quotas of their own, and cost no more than a message.",
        "ListServiceQuotas; the bill of the day after `iot-dr failover --evict`",
        "`--evict` is slower: it follows what AWS accepts.",
    ),
    Doubt(
        "time-of-a-global-table",
        "An event reaches the other Region's stream within about a second.",
        "`iot-dr prove -n 10`, then `iot-dr status`: the median lag",
        "Everything is as much later; docs/performance.md has the product's own share.",
    ),
    Doubt(
        "arm64-everywhere",
        "Lambda has arm64 in each Region that the form offers.",
        "launch there",
        "The launch fails at its first function.",
    ),
)
