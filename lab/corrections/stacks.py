"""CloudFormation: what the templates need and the emulator leaves out."""

import hashlib
import json
import string
import uuid
from typing import Any
from urllib.parse import urlsplit

from ministack.core import iam_actions
from ministack.services import codebuild, dynamodb, iam, route53, secretsmanager
from ministack.services.cloudformation import custom_resource, engine, provisioners

from . import correction, settings
from .patching import replace

Provisioned = tuple[str, dict[str, Any]]

_SUFFIX = 13  # characters that the emulator appends to a generated name


def _checked(response: Any, what: str) -> None:
    """Fail the resource as CloudFormation would when the service refused the call behind it."""
    status, _, body = response
    if status >= 400:
        message = f"{what}: {json.loads(body).get('message') or body!r}"
        raise ValueError(message)


def _replica_regions(properties: dict[str, Any]) -> set[str]:
    named = {replica["Region"] for replica in properties.get("Replicas") or []}
    return named - {provisioners.get_region()}


def _change_replicas(table: str, action: str, regions: set[str]) -> None:
    for region in sorted(regions):  # UpdateTable takes one replica at a time, as CloudFormation does it
        _checked(
            dynamodb._update_table({"TableName": table, "ReplicaUpdates": [{action: {"RegionName": region}}]}),
            f"replica {region} of {table}",
        )


@correction("https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-dynamodb-globaltable.html")
def global_table_replicas() -> None:
    """AWS::DynamoDB::GlobalTable makes a replica in each Region of Replicas, and its TimeToLiveSpecification counts."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::GlobalTable"]
    create_table, update_table, delete_table = handlers["create"], handlers["update"], handlers["delete"]

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Provisioned:
        name, attributes = create_table(logical_id, properties, stack_name)
        time_to_live = properties.get("TimeToLiveSpecification")
        if time_to_live:
            _checked(
                dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": dict(time_to_live)}),
                f"time to live of {name}",
            )
        _change_replicas(name, "Create", _replica_regions(properties))
        table = dynamodb._tables[name]
        return name, {**attributes, **provisioners._ddb_attrs(table), "TableId": table["TableId"]}

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Provisioned:
        updated: Provisioned = update_table(physical_id, old, new, stack_name)
        before, after = _replica_regions(old), _replica_regions(new)
        _change_replicas(updated[0], "Create", after - before)
        _change_replicas(updated[0], "Delete", before - after)
        return updated

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        if physical_id in dynamodb._tables:
            _change_replicas(physical_id, "Delete", _replica_regions(properties))
        delete_table(physical_id, properties)

    handlers.update(create=create, update=update, delete=delete)


@correction("https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html")
def conditions_know_pseudo_parameters() -> None:
    """A condition may compare AWS::Region; the emulator compares the text of the name and answers false."""
    evaluate = engine._evaluate_conditions

    def evaluate_conditions(template: dict[str, Any], params: dict[str, Any]) -> Any:
        pseudo = {
            "AWS::Region": engine.get_region(),
            "AWS::AccountId": engine.get_account_id(),
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }
        return evaluate(template, {**{name: {"Value": value} for name, value in pseudo.items()}, **params})

    replace(evaluate, evaluate_conditions)


@correction("https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-secretsmanager-secret.html")
def secret_ref_is_its_arn() -> None:
    """Ref of a secret is its ARN, for which policies are written; the emulator gives its name."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create_secret, update_secret, delete_secret = handlers["create"], handlers["update"], handlers["delete"]

    def name_of(physical_id: str) -> str:
        names = [name for name, secret in secretsmanager._secrets.items() if secret["ARN"] == physical_id]
        return names[0] if names else physical_id

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Provisioned:
        _, attributes = create_secret(logical_id, properties, stack_name)
        return attributes["Id"], attributes

    def update(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str, logical_id: str | None = None
    ) -> Provisioned:
        _, attributes = update_secret(name_of(physical_id), old, new, stack_name, logical_id)
        return attributes["Id"], attributes

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        delete_secret(name_of(physical_id), properties)

    handlers.update(create=create, update=update, delete=delete)


@correction("https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html")
def generated_secret_leaves_out_what_is_excluded() -> None:
    """GenerateSecretString leaves out whole kinds of character too; the emulator only those named one by one."""
    generate = provisioners._sm_secret_string
    kinds = {
        "ExcludeLowercase": string.ascii_lowercase,
        "ExcludeUppercase": string.ascii_uppercase,
        "ExcludeNumbers": string.digits,
        "ExcludePunctuation": string.punctuation,
    }

    def sm_secret_string(properties: dict[str, Any]) -> Any:
        wanted = dict(properties.get("GenerateSecretString") or {})
        # A property may have travelled as text.
        excluded = [characters for kind, characters in kinds.items() if str(wanted.get(kind)).lower() == "true"]
        if excluded:
            wanted["ExcludeCharacters"] = "".join([wanted.get("ExcludeCharacters", ""), *excluded])
            properties = {**properties, "GenerateSecretString": wanted}
        return generate(properties)

    replace(generate, sm_secret_string)


@correction("https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-route53-healthcheck.html")
def health_check_type() -> None:
    """AWS::Route53::HealthCheck is a resource type; the emulator refuses a template that has one."""

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Provisioned:
        check_id = str(uuid.uuid4())
        route53._health_checks[check_id] = {
            "id": check_id,
            "caller_reference": f"{stack_name}-{logical_id}-{uuid.uuid4()}",
            "config": dict(properties["HealthCheckConfig"]),
            "version": 1,
        }
        return check_id, {"HealthCheckId": check_id}

    def update(physical_id: str, _: dict[str, Any], new: dict[str, Any], __: str) -> Provisioned:
        check = route53._health_checks[physical_id]
        route53._health_checks[physical_id] = {
            **check,
            "config": dict(new["HealthCheckConfig"]),
            "version": check["version"] + 1,
        }
        return physical_id, {"HealthCheckId": physical_id}

    def delete(physical_id: str, _: dict[str, Any]) -> None:
        route53._health_checks.pop(physical_id, None)

    provisioners._RESOURCE_HANDLERS["AWS::Route53::HealthCheck"] = {
        "create": create,
        "update": update,
        "delete": delete,
    }


@correction("https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html")
def custom_resource_answers_over_https() -> None:
    """ResponseURL is an https address, and helpers speak nothing else to it; the emulator's is http."""

    def gateway_url() -> str:
        return f"https://localhost:{settings.tls_port()}"

    replace(custom_resource._gateway_url, gateway_url)


@correction("https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html")
def build_keeps_its_variables() -> None:
    """A build has the variables that StartBuild was given; the emulator forgets them."""
    start = codebuild._start_build

    def start_build(data: dict[str, Any]) -> Any:
        response = start(data)
        overrides = data.get("environmentVariablesOverride") or []
        if response[0] == 200 and overrides:
            build = codebuild._builds[json.loads(response[2])["build"]["id"]]
            given = {entry["name"]: entry for entry in overrides}
            kept = [e for e in build["environment"].get("environmentVariables") or [] if e["name"] not in given]
            build["environment"] = {**build["environment"], "environmentVariables": [*kept, *given.values()]}
            return codebuild.json_response({"build": build})
        return response

    replace(start, start_build)


@correction("https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-resource-names.html")
def generated_names_are_unique_to_a_stack() -> None:
    """A generated name is unique to its stack; the emulator names the global roles of two Regions' stacks alike."""
    generate = provisioners._physical_name

    def physical_name(stack_name: str, logical_id: str, **options: Any) -> str:
        name: str = generate(stack_name, logical_id, **options)
        suffix = hashlib.sha256(f"{provisioners.get_region()}:{name}".encode()).hexdigest()[:_SUFFIX].upper()
        return name[:-_SUFFIX] + (suffix.lower() if options.get("lowercase") else suffix)

    replace(generate, physical_name)


@correction("https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html")
def role_has_its_boundary() -> None:
    """A role goes no further than its PermissionsBoundary; the emulator's CloudFormation leaves it out."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    create_role, update_role = handlers["create"], handlers["update"]

    def bounded(made: Provisioned, properties: dict[str, Any]) -> Provisioned:
        iam._roles[made[0]]["PermissionsBoundary"] = properties.get("PermissionsBoundary") or ""
        return made

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Provisioned:
        return bounded(create_role(logical_id, properties, stack_name), properties)

    def update(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str, logical_id: str | None = None
    ) -> Provisioned:
        return bounded(update_role(physical_id, old, new, stack_name, logical_id), new)

    handlers.update(create=create, update=update)


@correction("https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html")
def template_url_can_be_a_condition() -> None:
    """A condition can name the template's address, cloudformation:TemplateUrl; the emulator has no such key.

    On this machine an address is a path on one host; the key has it as on AWS, where the bucket is a host.
    """
    context_of = iam_actions.request_tag_context

    def request_tag_context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = context_of(service, action, body, params)
        address = iam_actions._query_param(params, "TemplateURL") if service == "cloudformation" else ""
        if not address:
            return context
        bucket, _, key = urlsplit(address).path.lstrip("/").partition("/")
        url = f"https://{bucket}.s3.{provisioners.get_region()}.amazonaws.com/{key}"
        return {**context, "cloudformation:TemplateUrl": url}

    replace(context_of, request_tag_context)
