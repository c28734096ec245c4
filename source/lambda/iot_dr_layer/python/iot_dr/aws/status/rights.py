"""Asks IAM whether a role can do what it must.

The simulation counts the role's policies, its permissions boundary and the organization's service control policies, but
no resource policies. https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from iot_dr.aws import errors
from iot_dr.model.launch.launched_stacks import Need
from iot_dr.model.registry.arns import Arn, partition_of

REQUIRED_ACTIONS = frozenset({"iam:SimulatePrincipalPolicy"})
"""What the operator needs on the launch's roles."""

_ALLOWED = "allowed"
_REASONS = {
    "explicitDeny": "a policy denies it",
    "implicitDeny": "no policy allows it",
}


class SimulatedRights:
    """IAM's simulation, over an `iam` client."""

    def __init__(self, client: Any, account: str) -> None:
        self._client = client
        self._account = account

    def denied(self, need: Need) -> Mapping[str, str]:
        """Return the actions that the role can do with none of the resources, each with what denies it."""
        partition = partition_of(need.region)
        paginator = self._client.get_paginator("simulate_principal_policy")
        with errors.converted():
            pages = paginator.paginate(
                PolicySourceArn=str(Arn(partition, "iam", "", self._account, f"role/{need.role}")),
                ActionNames=sorted(need.actions),
                ResourceArns=list(need.resources),
                ContextEntries=[
                    {
                        "ContextKeyName": "aws:RequestedRegion",
                        "ContextKeyValues": [need.region],
                        "ContextKeyType": "string",
                    }
                ],
            )
            results = [result for page in pages for result in page["EvaluationResults"]]
        allowed = {result["EvalActionName"] for result in results if _ALLOWED in _decisions(result)}
        return {
            result["EvalActionName"]: _reason(result) for result in results if result["EvalActionName"] not in allowed
        }


def _decisions(result: Mapping[str, Any]) -> Iterator[str]:
    yield result["EvalDecision"]
    for one in result.get("ResourceSpecificResults", ()):
        yield one["EvalResourceDecision"]


def _reason(result: Mapping[str, Any]) -> str:
    if result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations") is False:
        return "a policy of the organization denies it"
    if result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary") is False:
        return "its permissions boundary denies it"
    return _REASONS.get(result["EvalDecision"], str(result["EvalDecision"]))
