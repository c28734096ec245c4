"""What holds for every stack: its functions, what it stores, and the text that is published."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from typing import Any

import pytest

import generate
from tests.unit.templates.stacks import STACKS, Stack, make_stacks

STATEFUL = {
    "main": set(),
    "primary": {
        "JitrDeadLetterQueue",
        "JitrQueue",
        "ManagementEventQueue",
        "RegistryEventTable",
        "RuleErrorQueue",
        "ShadowEventTable",
        "ShadowRuleErrorQueue",
        "WorkBucket",
    },
    "secondary": {
        "BackgroundQueue",
        "JitrDeadLetterQueue",
        "JitrQueue",
        "LedgerTable",
        "LookDeadLetterQueue",
        "LookQueue",
        "WorkBucket",
    },
    "health checker": {"PathSecret", "ProbeSecret"},
}
"""Logical IDs are an interface: another name is another resource, and what the old one held is lost."""

FUNCTIONS = {
    "main": {"check_launch", "start_launch"},
    "primary": {"provision_device", "record_management_event"},
    "secondary": {
        "fail_over",
        "list_fleet",
        "record_failure",
        "register_device",
        "replicate_resource",
        "replicate_shadows",
        "run_workflow",
        "start_replication",
        "sweep_registry",
        "watch_domain",
    },
    "health checker": {"check_health", "provision_probe"},
}


def test_resources_that_hold_state_keep_their_logical_ids(stack: Stack) -> None:
    found = stack.of_type(
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
    )

    assert found.keys() == STATEFUL[stack.name]


def test_what_cannot_be_made_again_survives_its_replacement(stack: Stack) -> None:
    for title, found in stack.of_type("AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table", "AWS::S3::Bucket").items():
        assert found["UpdateReplacePolicy"] == "Retain", title


def test_each_function_of_the_source_folder_is_deployed_once(stack: Stack) -> None:
    found = [stack.properties(title) for title in stack.of_type("AWS::Lambda::Function")]

    assert {function["Handler"].partition(".")[0] for function in found} == FUNCTIONS[stack.name]
    for function in found:
        folder, _, rest = function["Handler"].partition(".")
        assert rest == "handler.lambda_handler"
        assert function["Code"]["S3Key"] == f"disaster-recovery-for-aws-iot/v0.0.0/{folder}.zip"
        assert function["Code"]["S3Bucket"] == f"iot-dr-example-{stack.resolve.region}"


def test_every_function_runs_on_one_runtime_and_architecture_with_the_layer(stack: Stack) -> None:
    for title in stack.of_type("AWS::Lambda::Function"):
        function = stack.properties(title)

        assert function["Runtime"] == "python3.13"
        assert function["Architectures"] == ["arm64"]
        assert function["Layers"] == [stack.resolve.arn("IotDrLayer")]


def test_every_function_has_a_role_of_its_own(stack: Stack) -> None:
    roles = [stack.role_of(title, "Role") for title in stack.of_type("AWS::Lambda::Function")]

    assert len(set(roles)) == len(roles)
    for role in roles:
        (trust,) = stack.properties(role)["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_every_function_logs_json_into_a_group_of_its_own_that_its_role_may_write(stack: Stack) -> None:
    groups = []
    for title, function in stack.of_type("AWS::Lambda::Function").items():
        logging = function["Properties"]["LoggingConfig"]
        group = logging["LogGroup"]["Ref"]
        groups.append(group)
        (writing,) = [one for one in stack.statements(stack.role_of(title, "Role")) if one["Sid"] == "WriteOwnLog"]

        # troposphere 4.11.1 lost this property of LoggingConfig.
        assert logging["LogFormat"] == "JSON"
        assert writing["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
        assert writing["Resource"] == [stack.resolve.arn(group)]

    assert len(set(groups)) == len(groups)


def test_every_bucket_is_private_encrypted_versioned_and_tls_only(stack: Stack) -> None:
    for title in stack.of_type("AWS::S3::Bucket"):
        bucket = stack.properties(title)

        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        arn = stack.resolve.arn(title)
        _assert_denied_without_tls(stack.properties(f"{title}Policy")["PolicyDocument"], [arn, f"{arn}/*"])


@pytest.mark.parametrize("name", ["primary", "secondary"])
def test_requests_to_the_bucket_are_logged_where_the_operator_says(name: str, stacks: dict[str, Stack]) -> None:
    logged = make_stacks({"AccessLogBucket": "central-logs"})[name]

    assert logged.properties("WorkBucket")["LoggingConfiguration"] == {
        "DestinationBucketName": "central-logs",
        "LogFilePrefix": f"{logged.resolve.stack}/",
    }
    assert "LoggingConfiguration" not in stacks[name].properties("WorkBucket")


def test_every_queue_is_encrypted_and_tls_only(stack: Stack) -> None:
    for title in stack.of_type("AWS::SQS::Queue"):
        assert stack.properties(title)["SqsManagedSseEnabled"] is True
        _assert_denied_without_tls(stack.properties(f"{title}Policy")["PolicyDocument"], [stack.resolve.arn(title)])


def test_every_custom_resource_ends_the_wait_for_a_function_that_died(stack: Stack) -> None:
    for title, found in stack.template["Resources"].items():
        if found["Type"].startswith("Custom::"):
            function = found["Properties"]["ServiceToken"]["Fn::GetAtt"][0]

            timeout = stack.properties(function)["Timeout"]
            assert timeout < found["Properties"]["ServiceTimeout"] <= timeout + 60, title


def test_the_form_groups_and_labels_every_parameter_and_says_what_is_wrong(stack: Stack) -> None:
    form = stack.template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in form["ParameterGroups"] for name in group["Parameters"]]

    assert sorted(grouped) == sorted(stack.template["Parameters"])
    assert form["ParameterLabels"].keys() == stack.template["Parameters"].keys()
    for name, parameter in stack.template["Parameters"].items():
        assert parameter["Description"], name
        assert parameter["ConstraintDescription"], name
        assert parameter.keys() & {"AllowedValues", "AllowedPattern", "MinValue"}, name


def test_every_output_is_described(stack: Stack) -> None:
    assert all(output["Description"] for output in stack.template["Outputs"].values())


def test_the_template_is_the_one_that_was_reviewed(stack: Stack) -> None:
    file, *_ = STACKS[stack.name]
    golden = json.loads((generate.GOLDEN / file).read_text(encoding="utf-8"))

    if golden != stack.template:
        pytest.fail(f"{file} changed; `make golden` accepts it:\n{_diff(golden, dict(stack.template))}")


def test_other_hash_seeds_give_the_same_bytes(stacks: dict[str, Stack]) -> None:
    script = "from tests.unit.templates import stacks as s; print(s.generate.render(s.golden_config()))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=generate.ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }

    assert len(printed) == 1
    assert printed.pop().strip() == str({STACKS[name][0]: stacks[name].text for name in STACKS})


def _assert_denied_without_tls(document: dict[str, Any], resources: list[str]) -> None:
    (statement,) = [one for one in document["Statement"] if one["Effect"] == "Deny"]
    assert statement["Principal"] == "*"
    assert statement["Resource"] == resources
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def _diff(before: dict[str, Any], after: dict[str, Any]) -> str:
    old, new = (json.dumps(one, indent=2, sort_keys=True).splitlines() for one in (before, after))
    return "\n".join(difflib.unified_diff(old, new, "golden", "generated", lineterm=""))
