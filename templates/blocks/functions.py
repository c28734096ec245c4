"""Lambda functions: what differs stands in a `LambdaSpec`, what holds for all is said here once.

Each function has a role of its own and a log group that exists before it, so the role names both by ARN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from awacs.aws import Statement
from troposphere import GetAtt, Ref, Sub, Template, awslambda

from templates.blocks import tracing
from templates.blocks.log_groups import add_log_group
from templates.blocks.permissions import write_log
from templates.blocks.roles import add_role
from templates.blocks.solution import asset_key, code_bucket

RUNTIME = "python3.13"
ARCHITECTURE = "arm64"
LAYER_FILE = "iot_dr_layer.zip"


@dataclass(frozen=True)
class LambdaSpec:
    """What makes one function differ from another.

    `folder` is its folder below `source/lambda`, the name of its zip and the stem of its logical IDs. `statements` are
    its role's rights beside its own log. `reserved` are concurrent executions that no other function may take.
    """

    folder: str
    description: str
    statements: tuple[Statement, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    timeout: int = 30
    memory: int = 256
    log_outlives_stack: bool = False
    reserved: Any = None

    @property
    def stem(self) -> str:
        """Return the folder's name as logical IDs spell it."""
        return "".join(word.capitalize() for word in self.folder.split("_"))


def add_layer(template: Template) -> awslambda.LayerVersion:
    """Add the layer with the `iot_dr` package; a layer's name does not hold its stack's unless it is told to."""
    return template.add_resource(
        awslambda.LayerVersion(
            "IotDrLayer",
            LayerName=Sub("${AWS::StackName}-iot-dr"),
            Description="The iot_dr package and what it needs beside the runtime",
            CompatibleRuntimes=[RUNTIME],
            CompatibleArchitectures=[ARCHITECTURE],
            Content=awslambda.Content(S3Bucket=code_bucket(), S3Key=asset_key(LAYER_FILE)),
        )
    )


def add_function(template: Template, spec: LambdaSpec, layer: awslambda.LayerVersion) -> awslambda.Function:
    """Add a function with its role and its log group."""
    log_group = add_log_group(template, f"{spec.stem}LogGroup", outlive_stack=spec.log_outlives_stack)
    work = {spec.stem: spec.statements} if spec.statements else {}
    optional = {} if spec.reserved is None else {"ReservedConcurrentExecutions": spec.reserved}
    optional |= tracing.of_function(template)
    role = add_role(
        template,
        f"{spec.stem}Role",
        "lambda",
        f"Lets the function {spec.folder} do its work and nothing else",
        {"WriteOwnLog": (write_log(log_group),), **work},
    )
    return template.add_resource(
        awslambda.Function(
            f"{spec.stem}Function",
            Description=spec.description,
            Code=awslambda.Code(S3Bucket=code_bucket(), S3Key=asset_key(f"{spec.folder}.zip")),
            Handler=f"{spec.folder}.handler.lambda_handler",
            Runtime=RUNTIME,
            Architectures=[ARCHITECTURE],
            Layers=[Ref(layer)],
            Role=GetAtt(role, "Arn"),
            Timeout=spec.timeout,
            MemorySize=spec.memory,
            Environment=awslambda.Environment(
                Variables={"POWERTOOLS_SERVICE_NAME": spec.folder, **dict(spec.environment)}
            ),
            # SystemLogLevel WARN keeps Lambda's own start and report lines out; metrics carry the durations.
            LoggingConfig=awslambda.LoggingConfig(
                LogFormat="JSON", ApplicationLogLevel="INFO", SystemLogLevel="WARN", LogGroup=Ref(log_group)
            ),
            **optional,
        )
    )
