"""An account with a launch, as the commands see it over the wire: what each Region holds, and which calls it got."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import pytest

from iot_dr.model.launch.launches import Launch
from tests.builders import ACCOUNT, PAIR, PRIMARY, SECONDARY, a_certificate_id, a_document, iot_arn
from tests.endpoint import MISSING, Answer, Endpoint, Request

LAUNCH = Launch(PAIR, "20261124120000", "5f0c2a")
NAMES: dict[str, Any] = {
    "primary_region": PRIMARY,
    "secondary_region": SECONDARY,
    "stack_postfix": LAUNCH.postfix,
    "uuid": LAUNCH.uuid,
}
"""How a command's settings name the launch."""
VARIABLES: dict[str, str] = {name.upper(): value for name, value in NAMES.items()}
"""The same, as `toolsrc` has it."""
FENCE = "iot-dr#fence"
LEDGER = "ledger"
DENIED = Answer({"message": "no right"}, 403, "AccessDeniedException")

_EMPTY = {
    "/things": "things",
    "/thing-types": "thingTypes",
    "/billing-groups": "billingGroups",
    "/policies": "policies",
    "/certificates": "certificates",
    "/thing-groups": "thingGroups",
}
_NONE: dict[str, Any] = {
    name: [] for name in ("Quotas", "MetricAlarms", "CompositeAlarms", "Metrics", "MetricDataResults", "Items")
}
"""What is answered to the question for a list of which nothing is held, whatever the list's name."""

_EMPTY_PARTS: dict[str, dict[str, Any]] = {
    "/principals-v2": {"thingPrincipalObjects": []},
    "/thing-groups": {"thingGroups": []},
    "/principals/things-v2": {"principalThingObjects": []},
    "/attached-policies/": {"policies": []},
    "/policy-targets/": {"targets": []},
    "/ListNamedShadowsForThing/": {"results": []},
    "/indices/statistics": {"statistics": {"count": 1}},
}
"""What is answered to a path with this part of which nothing is held."""

CALLER = Answer(
    xml=f"""<GetCallerIdentityResponse><GetCallerIdentityResult>
<Account>{ACCOUNT}</Account><Arn>arn:aws:iam::{ACCOUNT}:user/operator</Arn><UserId>U</UserId>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
)
"""Who asks, as STS tells it."""

_RESOURCES = """<ListStackResourcesResponse><ListStackResourcesResult>
<StackResourceSummaries/></ListStackResourcesResult></ListStackResourcesResponse>"""
_STACK = """<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackId>{stack}</StackId>
<StackName>{stack}</StackName>
<StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-24T12:00:00Z</CreationTime>
<Parameters>{parameters}</Parameters><Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""
_NO_STACK = """<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>
<Message>Stack with id {name} does not exist</Message></Error></ErrorResponse>"""


class Account:
    """Two Regions of an account, empty until a test puts something in.

    Attributes:
        held: what a Region answers to a path, by Region and path; lists are empty and names missing otherwise.
        parameters, outputs: those of the launch's stack in the secondary Region.
        control: attributes of the control item.
        owned: the ledger says of whatever it is asked for that replication made it.
        answering: answers before all that; None leaves it to the account.
    """

    def __init__(self, **parameters: str) -> None:
        self.held: dict[tuple[str, str], dict[str, Any]] = {}
        self.parameters = parameters
        self.outputs: dict[str, str] = {}
        self.control: dict[str, str] = {}
        self.owned = False
        self.requests: list[Request] = []
        self.answering: Callable[[Request], Answer | None] = lambda _request: None

    def put_things(self, region: str, *names: str) -> None:
        """Have a Region hold these things and no others, without certificates."""
        things = [{"thingName": name, "attributes": {}, "version": 1} for name in names]
        self.held[region, "/things"] = {"things": things}
        for thing in things:
            self.held[region, f"/things/{thing['thingName']}"] = thing

    def put_device(self, region: str, name: str = "pump-1") -> None:
        """Have a Region hold this thing and no other, with a certificate that has the policy `pumps`."""
        self.put_things(region, name)
        certificate = a_certificate_id(name)
        arn = iot_arn(f"cert/{certificate}", region)
        listed = {"certificateId": certificate, "status": "ACTIVE"}
        described = listed | {"certificatePem": "PEM", "certificateArn": arn}
        document = a_document(iot_arn("client/*", region))
        policy = {"policyName": "pumps", "policyDocument": document, "defaultVersionId": "1"}
        self.held |= {
            (region, "/certificates"): {"certificates": [listed]},
            (region, f"/certificates/{certificate}"): {"certificateDescription": described},
            (region, "/policies"): {"policies": [policy]},
            (region, "/policies/pumps"): policy,
            (region, "/policy-targets/pumps"): {"targets": [arn]},
            (region, f"/attached-policies/{arn}"): {"policies": [policy]},
            (region, "/principals/things-v2"): {"principalThingObjects": [{"thingName": name}]},
            (region, "/tags"): {"tags": []},
            (region, f"/things/{name}/principals"): {"principals": [arn]},
            (region, f"/things/{name}/principals-v2"): {"thingPrincipalObjects": [{"principal": arn}]},
        }

    def put_shadow(self, region: str, thing: str, state: dict[str, Any]) -> None:
        """Have a thing hold a classic shadow."""
        self.held[region, f"/things/{thing}/shadow"] = {"state": state, "version": 3, "timestamp": 1}

    def calls(self, operation: str) -> list[Request]:
        """Return the calls of an operation, or of a REST method and path without its query."""
        return [one for one in self.requests if unquote(one.operation.partition("?")[0]) == operation]

    def writes(self) -> list[tuple[str, str]]:
        """Return method and path of all that was to change a registry or a shadow, each with its Region."""
        asking = ("POST /indices/", "POST /attached-policies/", "POST /policy-targets/")
        changing = (
            one for one in self.requests if one.operation.partition(" ")[0] in ("POST", "PUT", "PATCH", "DELETE")
        )
        return [
            (unquote(one.operation.partition("?")[0]), one.region)
            for one in changing
            if not one.operation.startswith(asking)
        ]

    def __call__(self, request: Request) -> Answer:
        """Answer a call."""
        self.requests.append(request)
        given = self.answering(request)
        return self._answer(request) if given is None else given

    def _answer(self, request: Request) -> Answer:  # noqa: PLR0911  # an answer an operation
        match request.operation:
            case "GetCallerIdentity":
                return CALLER
            case "DescribeStacks":
                return self._stack(request.body["StackName"], request.region)
            case "ListStackResources":
                return Answer(xml=_RESOURCES)
            case "ListServiceQuotas" | "DescribeAlarms" | "ListMetrics" | "GetMetricData" | "Query":
                return Answer(_NONE)
            case "BatchGetItem":
                return self._items(request.body["RequestItems"])
            case "UpdateItem":
                return Answer({"Attributes": {"attempts": {"N": "1"}}})
            case operation if " " in operation:
                return self._rest(request, unquote(operation.partition(" ")[2].partition("?")[0]))
            case _:
                return Answer()

    def _rest(self, request: Request, path: str) -> Answer:
        if found := self.held.get((request.region, path)):
            return Answer(found)
        if path in _EMPTY:
            return Answer({_EMPTY[path]: []})
        describes_group = path.startswith("/thing-groups/") and path.count("/") == 2
        if found := next((body for part, body in _EMPTY_PARTS.items() if part in path and not describes_group), None):
            return Answer(found)
        if request.operation.startswith("GET "):
            return MISSING
        return Answer({"state": {}, "version": 4, "timestamp": 1} if path.endswith("/shadow") else {})

    def _items(self, asked: dict[str, Any]) -> Answer:
        keys = [key for key in asked.get(LEDGER, {"Keys": []})["Keys"] if key["resource"]["S"] != FENCE]
        found = {LEDGER: [{**key, "owned_at": {"N": "1"}} for key in keys] if self.owned else []}
        if LAUNCH.global_table in asked and self.control:
            (key,) = asked[LAUNCH.global_table]["Keys"]
            found[LAUNCH.global_table] = [key | {name: {"S": value} for name, value in self.control.items()}]
        return Answer({"Responses": found})

    def _stack(self, name: str, region: str) -> Answer:
        if (region, name) != (SECONDARY, LAUNCH.secondary_stack):
            return Answer(status=400, xml=_NO_STACK.format(name=name))
        told = {
            member: "".join(
                f"<member><{kind}Key>{key}</{kind}Key><{kind}Value>{value}</{kind}Value></member>"
                for key, value in given.items()
            )
            for kind, member, given in (
                ("Parameter", "parameters", self.parameters),
                ("Output", "outputs", self.outputs),
            )
        }
        return Answer(xml=_STACK.format(stack=name, **told))


@contextmanager
def served(account: Account, patch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Have the SDK find the account."""
    with Endpoint(account) as endpoint:
        patch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        patch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", PRIMARY)
        yield account


class Unwatched:
    """Whatever a command shows of its progress, shown to nobody."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_: None
