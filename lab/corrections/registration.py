"""RegisterThing: a device is registered by a template over HTTP, as over MQTT."""

import json
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iot

from . import correction
from .patching import replace

_CALLER = "whoever calls"
"""Stands where the emulator names the role that a template's writes are authorized by."""

_CERTIFICATE = "AWS::IoT::Certificate::Id"
"""What a template may refer to without declaring it."""


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_RegisterThing.html")
def register_thing_by_http() -> None:
    """RegisterThing makes what a template says, with the caller's rights; the emulator knows it over MQTT alone."""
    route, allows = iot._route_request, iot._provisioning_role_allows

    async def route_request(method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
        if (method, path) == ("POST", "/things"):
            return await _register(iot._parse_body(body))
        return await route(method, path, headers, body, query_params)

    def provisioning_role_allows(role_arn: str, requests: list[tuple[str, str]]) -> bool:
        return _caller_may(requests) if role_arn == _CALLER else allows(role_arn, requests)

    replace(route, route_request)
    replace(allows, provisioning_role_allows)


async def _register(request: Mapping[str, Any]) -> Any:
    try:
        template = json.loads(request["templateBody"])
        resources, parameters = template["Resources"], dict(request.get("parameters") or {})
        undeclared = parameters.keys() - {_CERTIFICATE, *(template.get("Parameters") or {})}
        certificate = iot._certificates.get(_certificate_id(resources, parameters))
    except (KeyError, ValueError, AttributeError) as error:
        return _refused("InvalidRequestException", f"the template or its parameters: {error}")
    if undeclared or certificate is None:
        return _refused("InvalidRequestException", f"{sorted(undeclared) or 'the certificate'} is not known")
    try:
        version = {"templateBody": request["templateBody"]}
        given = {"templateName": "given", "versions": {"1": version}, "defaultVersionId": 1}
        plan = iot._provisioning_plan(given, parameters, certificate["certificateId"])
        thing = await iot._apply_provisioning_plan(plan, certificate, _CALLER)
    except iot._ProvisioningRejected as error:
        denied = error.reply[1]["errorCode"] == "AccessDenied"
        return _refused("UnauthorizedException" if denied else "ResourceRegistrationFailureException", str(error))
    arns = {"certificate": certificate["certificateArn"], **({"thing": iot._thing_arn(thing)} if thing else {})}
    return iot.json_response({"certificatePem": certificate["certificatePem"], "resourceArns": arns})


def _certificate_id(resources: Mapping[str, Any], parameters: Mapping[str, str]) -> str:
    (properties,) = (one["Properties"] for one in resources.values() if one["Type"] == "AWS::IoT::Certificate")
    told = properties["CertificateId"]
    return str(parameters[told["Ref"]] if isinstance(told, dict) else told)


def _refused(code: str, message: str) -> Any:
    return iot.error_response_json(code, message, 403 if code == "UnauthorizedException" else 400)


def _caller_may(requests: list[tuple[str, str]]) -> bool:
    """Whether the caller's own role allows every write; whoever has no role is the account's owner here."""
    caller, account = iam_evaluator.caller_arn(), iot.get_account_id()
    if ":assumed-role/" not in caller:
        return True
    role = iam_evaluator._role_name_from_assumed_arn(caller)
    certificate = dict(requests)["iot:UpdateCertificate"]
    policies = iam_evaluator._gather_role_policies(role, account)
    contexts = (
        iam_evaluator.EvalContext(
            principal_arn=caller,
            principal_type="AssumedRole",
            principal_account=account,
            action=action,
            # The emulator asks for this one on the thing; AWS authorizes it on the certificate.
            resource_arn=certificate if action == "iot:AttachThingPrincipal" else resource,
            region=iot.get_region(),
        )
        for action, resource in requests
    )
    return all(iam_evaluator.evaluate(context, policies).decision == "Allow" for context in contexts)
