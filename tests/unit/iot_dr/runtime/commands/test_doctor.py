"""How the doctor's clients keep to quotas, and which Region and which launch its questions are about."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from iot_dr.model.status.checks import Check, Level
from iot_dr.runtime.commands.doctor import DoctorEnvironment, DoctorSettings, client_under_budgets, consult
from tests.account import LAUNCH, Account, served
from tests.builders import PRIMARY, SECONDARY, a_certificate_id
from tests.endpoint import Answer, Request

AUTHORITY = a_certificate_id("authority")


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


def checks_of(environment: DoctorEnvironment) -> dict[str, Check]:
    """Return what the doctor answers, by name; a launch may have several of one name."""
    return {check.name: check for check in consult(environment, DoctorSettings(0, 0, paced=False))}


@pytest.mark.parametrize(
    ("region", "operation"), [(PRIMARY, "DescribeCertificate"), (SECONDARY, "AttachThingPrincipal")]
)
def test_the_quota_that_a_copy_hangs_on_is_told_of_its_own_region(
    region: str, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def low(request: Request) -> Answer | None:
        if request.operation != "ListServiceQuotas" or request.region != region:
            return None
        return Answer({"Quotas": [{"QuotaName": f"{operation} API TPS", "Value": 0.5}]})

    account = Account()
    account.answering = low
    with served(account, monkeypatch):
        found = checks_of(DoctorEnvironment(PRIMARY, SECONDARY))["quotas"].found

    assert f"by {operation} in {region}" in found


@pytest.mark.parametrize(("mode", "of_authority"), [("jitr", Level.FAILURE), ("copy", Level.WARNING)])
def test_a_ca_that_the_secondary_lacks_is_a_failure_where_devices_register_themselves_and_nothing_else_is(
    mode: str, of_authority: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(CertificateMode=mode)
    account.outputs = {"WorkBucketName": "work"}
    account.held |= {
        (PRIMARY, "/cacertificates"): {"certificates": [{"certificateId": AUTHORITY}]},
        (PRIMARY, f"/cacertificate/{AUTHORITY}"): {"certificateDescription": {"status": "ACTIVE"}},
        (PRIMARY, "/role-aliases"): {"roleAliases": ["alias"]},
        (PRIMARY, "/role-aliases/alias"): {"roleAliasDescription": {"roleArn": "arn:aws:iam::123456789012:role/one"}},
        (SECONDARY, "/cacertificates"): {"certificates": []},
        (SECONDARY, "/role-aliases"): {"roleAliases": []},
    }
    with served(account, monkeypatch):
        checks = checks_of(DoctorEnvironment(PRIMARY, SECONDARY, LAUNCH.postfix, LAUNCH.uuid))

    assert (checks["CA certificates"].level, checks["role aliases"].level) == (of_authority, Level.WARNING)
