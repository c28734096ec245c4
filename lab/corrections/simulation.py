"""What an operator asks about rights and certificates, and the emulator answers otherwise than AWS."""

import json
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, json_response
from ministack.services import iam, iot

from lab.corrections import correction
from lab.corrections.patching import replace

_DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny"}
_REQUESTED_REGION = "aws:RequestedRegion"


def _members(parameters: Mapping[str, Any], name: str) -> list[str]:
    found: list[str] = []
    while value := iam._p(parameters, f"{name}.member.{len(found) + 1}"):
        found.append(value)
    return found


def _requested_region(parameters: Mapping[str, Any]) -> str:
    number = 1
    while key := iam._p(parameters, f"ContextEntries.member.{number}.ContextKeyName"):
        if key == _REQUESTED_REGION:
            return str(iam._p(parameters, f"ContextEntries.member.{number}.ContextKeyValues.member.1"))
        number += 1
    return ""


@correction("https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html")
def roles_are_simulated_with_every_resource_and_region() -> None:
    """A simulation tells of every resource and uses the context given; the emulator takes the first and none."""
    original = iam._simulate_principal_policy

    def simulate_principal_policy(parameters: Mapping[str, Any]) -> Any:
        principal = iam._p(parameters, "PolicySourceArn")
        _, _, role = principal.rpartition(":role/")
        if not role:
            return original(parameters)
        account = get_account_id()
        policies = iam_evaluator._gather_role_policies(role, account)
        limits = iam_evaluator._permissions_boundary(iam._roles, role, account)

        def decided(action: str, resource: str) -> str:
            context = iam_evaluator.EvalContext(
                principal_arn=principal,
                principal_type="AssumedRole",
                principal_account=account,
                action=action,
                resource_arn=resource,
                region=_requested_region(parameters),
                secure_transport=True,
            )
            return _DECISIONS.get(iam_evaluator.evaluate(context, policies, *limits).decision, "implicitDeny")

        resources = _members(parameters, "ResourceArns") or ["*"]
        results = "".join(
            _result(action, {resource: decided(action, resource) for resource in resources})
            for action in _members(parameters, "ActionNames")
        )
        body = f"<EvaluationResults>{results}</EvaluationResults><IsTruncated>false</IsTruncated>"
        answer = f"<SimulatePrincipalPolicyResult>{body}</SimulatePrincipalPolicyResult>"
        return iam._xml(200, "SimulatePrincipalPolicyResponse", answer, ns="iam")

    replace(original, simulate_principal_policy)
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate_principal_policy


def _result(action: str, decisions: Mapping[str, str]) -> str:
    each = "".join(
        f"<member><EvalResourceName>{resource}</EvalResourceName>"
        f"<EvalResourceDecision>{decision}</EvalResourceDecision></member>"
        for resource, decision in decisions.items()
    )
    first, decision = next(iter(decisions.items()))
    return (
        f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{first}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision><ResourceSpecificResults>{each}</ResourceSpecificResults></member>"
    )


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_CertificateDescription.html")
def certificate_tells_its_validity() -> None:
    """DescribeCertificate tells from when until when a certificate holds; the emulator leaves it out."""
    original = iot._handle_certificate

    def handle_certificate(method: str, path: str, body: bytes, qp: Mapping[str, Any]) -> Any:
        record = iot._certificates.get(path.rpartition("/")[2]) if method == "GET" else None
        if record is None:
            return original(method, path, body, qp)
        described = json.loads(original(method, path, body, qp)[2])["certificateDescription"]
        certificate = x509.load_pem_x509_certificate(record["certificatePem"].encode())
        validity = {
            "notBefore": certificate.not_valid_before_utc.timestamp(),
            "notAfter": certificate.not_valid_after_utc.timestamp(),
        }
        return json_response({"certificateDescription": described | {"validity": validity}})

    replace(original, handle_certificate)
