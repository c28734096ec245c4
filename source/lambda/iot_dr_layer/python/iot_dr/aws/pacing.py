"""Has every attempt of a client's calls wait for its budget, and tells the budget how AWS answered.

It hangs on the client's own events, so readers and writers know nothing of it, and a retry that the SDK makes by itself
is an attempt like any other: it waits its turn, and the refusal that led to it is heard. Operations that share a quota
share a budget.
https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from iot_dr.aws.errors import convert
from iot_dr.aws.quotas import SHARED
from iot_dr.errors import Throttled
from iot_dr.ports.clock import CallBudgets

_PERMIT = "iot_dr_permit"


def paced(client: Any, budgets: CallBudgets) -> Any:
    """Return the client, which from now on keeps to the budgets of its Region."""
    service = client.meta.service_model.service_id.hyphenize()

    def send(request: Any, operation_name: str, **_: Any) -> None:
        quota = SHARED.get(operation_name, operation_name)
        request.context[_PERMIT] = (quota, budgets.begin(quota))

    def received(context: dict[str, Any], parsed_response: Mapping[str, Any] | None, **_: Any) -> None:
        quota, begun = context.pop(_PERMIT)
        budgets.end(quota, begun, refused=_refused(parsed_response))

    # Before the signature, which AWS takes for a few minutes only.
    client.meta.events.register_first(f"request-created.{service}", send)
    client.meta.events.register(f"response-received.{service}", received)
    return client


def _refused(parsed_response: Mapping[str, Any] | None) -> bool:
    if not parsed_response or "Error" not in parsed_response:
        return False
    return isinstance(convert(ClientError(dict(parsed_response), "")), Throttled)
