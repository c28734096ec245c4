"""How the doctor's clients keep to quotas."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from iot_dr.runtime.commands.doctor import client_under_budgets


@dataclass
class Client:
    """A client whose events can be listened to."""

    service: str
    heard: list[str] = field(default_factory=list)

    @property
    def meta(self) -> Client:
        return self

    @property
    def events(self) -> Client:
        return self

    @property
    def service_model(self) -> Client:
        return self

    @property
    def service_id(self) -> Client:
        return self

    def hyphenize(self) -> str:
        return self.service

    def register_first(self, event: str, _listener: object) -> None:
        self.heard.append(event)

    def register(self, event: str, _listener: object) -> None:
        self.heard.append(event)


@pytest.mark.parametrize(
    ("service", "paced", "heard"),
    [
        ("iot", True, ["request-created.iot", "response-received.iot"]),
        ("iot", False, []),
        ("cloudformation", True, []),
    ],
)
def test_every_attempt_of_a_call_of_aws_iot_waits_for_its_budget_unless_that_is_turned_off(
    service: str, paced: bool, heard: list[str]
) -> None:
    client = client_under_budgets(lambda name, _region: Client(name), service, "us-east-1", paced=paced)

    assert client.heard == heard
