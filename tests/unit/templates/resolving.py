"""Puts sample values where a template has intrinsic functions, so that policies and names can be read as on AWS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ACCOUNT = "000000000000"
PRIMARY, SECONDARY = "eu-west-1", "eu-central-1"
POSTFIX, UUID = "20260102030405", "0f8c6a0e-5b1d-5d2e"

PARAMETERS = {
    "PrimaryRegion": PRIMARY,
    "SecondaryRegion": SECONDARY,
    "CreateHealthCheck": "yes",
    "HealthCheckerStack": f"R53HealthChecker{POSTFIX}",
    "GlobalTableName": f"IoTDRGlobalTable{POSTFIX}",
    # On AWS the label is a time with colons, which policy linters take for separators of the ARN.
    "GlobalTableStreamArn": (
        f"arn:aws:dynamodb:{SECONDARY}:{ACCOUNT}:table/IoTDRGlobalTable{POSTFIX}/stream/2026-01-02T03-04-05.006"
    ),
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/iot-dr-LaunchedRolesBoundary-1A2B3C4D5E6F",
    "ShadowTableName": f"IoTDRShadowTable{POSTFIX}",
    "ShadowTableStreamArn": (
        f"arn:aws:dynamodb:{SECONDARY}:{ACCOUNT}:table/IoTDRShadowTable{POSTFIX}/stream/2026-01-02T03-04-05.007"
    ),
    "StackPostfix": POSTFIX,
    "Uuid": UUID,
}

ATTRIBUTES = {
    ("LaunchCheck", "StackPostfix"): POSTFIX,
    ("LaunchCheck", "LaunchDay"): POSTFIX[:8],
    ("LaunchCheck", "Uuid"): UUID,
}

# How a resource's ARN ends, by its type: https://docs.aws.amazon.com/service-authorization/latest/reference/
ARN_TAILS = {
    "AWS::CloudWatch::Alarm": "cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::CodeBuild::Project": "codebuild:{region}:{account}:project/{name}",
    "AWS::DynamoDB::GlobalTable": "dynamodb:{region}:{account}:table/{name}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::Rule": "events:{region}:{account}:rule/{name}",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Lambda::LayerVersion": "lambda:{region}:{account}:layer:{name}:1",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::IoT::DomainConfiguration": "iot:{region}:{account}:domainconfiguration/{name}/1a2b3",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    "AWS::StepFunctions::StateMachine": "states:{region}:{account}:stateMachine:{name}",
}
NAME_PROPERTIES = (
    "TableName", "BucketName", "StateMachineName", "LayerName", "LogGroupName", "RuleName", "Name", "FunctionName",
    "DomainConfigurationName",
)  # fmt: skip
REFS_THAT_ARE_ARNS = {
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::LayerVersion",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
}


NO_VALUE = object()
"""Stands for `AWS::NoValue` until what it is the value of is left out."""


class Resolver:
    """Resolves what CloudFormation would, for one template deployed as one stack; `chosen` are parameters' values."""

    def __init__(
        self, template: Mapping[str, Any], stack: str, region: str, chosen: Mapping[str, Any] | None = None
    ) -> None:
        self._resources = template["Resources"]
        self._mappings = template["Mappings"]
        self._conditions = template.get("Conditions", {})
        self.region = region
        self._values = {
            **{name: spec["Default"] for name, spec in template["Parameters"].items() if "Default" in spec},
            **PARAMETERS,
            **(chosen or {}),
            "AWS::NoValue": NO_VALUE,
            "AWS::Partition": "aws",
            "AWS::Region": region,
            "AWS::AccountId": ACCOUNT,
            "AWS::StackName": stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        self.stack = stack

    def __call__(self, node: Any) -> Any:
        """Return a copy of a part of the template without intrinsic functions."""
        if isinstance(node, list):
            return [value for item in node if (value := self(item)) is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, argument)
            if name == "Condition" and argument in self._conditions:
                return self.holds(argument)
        return {key: value for key, part in node.items() if (value := self(part)) is not NO_VALUE}

    def holds(self, condition: str) -> bool:
        """Tell whether a condition of the template is true."""
        return bool(self(self._conditions[condition]))

    def _intrinsic(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                return self._attribute(*argument)
            case "Fn::Sub":
                return self._substituted(argument)
            case "Fn::If":
                condition, when_true, when_false = argument
                return self(when_true if self.holds(condition) else when_false)
        return self._computed(name, self(argument))

    def _computed(self, name: str, argument: list[Any]) -> Any:
        match name, argument:
            case "Fn::FindInMap", [first, second, third]:
                found = self._mappings[first][second][third]
            case "Fn::Join", [delimiter, items]:
                found = delimiter.join(items)
            case "Fn::Split", [delimiter, text]:
                found = text.split(delimiter)
            case "Fn::Select", [index, items]:
                found = items[index]
            case "Fn::Equals", [one, other]:
                found = str(one) == str(other)
            case "Fn::Not", [operand]:
                found = not operand
            case "Fn::And", operands:
                found = all(operands)
            case "Fn::Or", operands:
                found = any(operands)
            case _:
                raise AssertionError(f"teach the resolver {name}")
        return found

    def name(self, title: str) -> str:
        """Return the physical name of a resource, given or generated."""
        properties = self._resources[title].get("Properties", {})
        given = next((properties[key] for key in NAME_PROPERTIES if key in properties), None)
        return str(self(given)) if given is not None else f"{self.stack}-{title}-1A2B3C4D5E6F"

    def arn(self, title: str) -> str:
        """Return the ARN of a resource."""
        tail = ARN_TAILS[self._resources[title]["Type"]]
        return "arn:aws:" + tail.format(region=self.region, account=ACCOUNT, name=self.name(title))

    def _ref(self, title: str) -> Any:
        if title in self._values:
            return self._values[title]
        return self.arn(title) if self._resources[title]["Type"] in REFS_THAT_ARE_ARNS else self.name(title)

    def _attribute(self, title: str, attribute: str) -> str:
        kind = self._resources[title]["Type"]
        if attribute == "Arn" or (attribute == "Id" and kind == "AWS::SecretsManager::Secret"):
            return self.arn(title)
        return ATTRIBUTES.get((title, attribute), f"{title}.{attribute}")

    def _substituted(self, argument: Any) -> str:
        text, values = argument if isinstance(argument, list) else (argument, {})
        known = {name: self(value) for name, value in values.items()}

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            if name in known:
                return str(known[name])
            title, _, attribute = name.partition(".")
            return str(self._attribute(title, attribute) if attribute else self._ref(title))

        return re.sub(r"\$\{([^!}][^}]*)\}", value, text)
