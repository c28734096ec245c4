"""Provisioning and removing the probe, against a registry in memory that can fail at any of its steps."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest

from iot_dr.errors import InvalidResource, RegionUnavailable
from iot_dr.model.launch.probes import NewCertificate, ProbeCredentials
from iot_dr.services.launch.provision_probe import ProvisionProbe, probe_policy

NAME = "iot-dr-probe-20260101000000"
WRITES = ("create_thing", "put_policy", "create_certificate", "attach", "activate", "write")


def step(method: Callable[..., Any]) -> Callable[..., Any]:
    """Fail once, before anything is done, if the test says so."""

    @wraps(method)
    def called(self: "Account", *arguments: str) -> Any:
        if method.__name__ == self.fails_at:
            self.fails_at = ""
            raise RegionUnavailable("timed out")
        return method(self, *arguments)

    return called


class Account:
    """One Region's registry and the probe's secret; implements both of the service's ports."""

    def __init__(self) -> None:
        self.things: set[str] = set()
        self.policies: dict[str, str] = {}
        self.status: dict[str, str] = {}
        self.attached: set[tuple[str, str]] = set()
        self.texts = ["{}"]
        self.issued = 0
        self.fails_at = ""

    def state(self) -> tuple[Any, ...]:
        return self.things, self.policies, self.status, self.attached, self.texts[-1]

    @step
    def endpoint(self) -> str:
        return "prefix-ats.iot.us-east-1.amazonaws.com"

    @step
    def create_thing(self, name: str) -> tuple[str, bool]:
        created = name not in self.things
        self.things.add(name)
        return f"arn:aws:iot:us-east-1:123456789012:thing/{name}", created

    @step
    def put_policy(self, name: str, document: str) -> bool:
        created = name not in self.policies
        self.policies[name] = document
        return created

    @step
    def create_certificate(self) -> NewCertificate:
        self.issued += 1
        certificate_id = f"certificate-{self.issued}"
        self.status[certificate_id] = "INACTIVE"
        return NewCertificate(certificate_id, "PEM", f"KEY-{self.issued}")

    @step
    def attach(self, name: str, certificate_id: str) -> None:
        self.attached.add((name, certificate_id))

    @step
    def activate(self, certificate_id: str) -> None:
        self.status[certificate_id] = "ACTIVE"

    @step
    def certificates(self, name: str) -> frozenset[str]:
        return frozenset(certificate for owner, certificate in self.attached if owner == name)

    @step
    def is_active(self, certificate_id: str) -> bool:
        return self.status.get(certificate_id) == "ACTIVE"

    @step
    def remove_certificate(self, name: str, certificate_id: str) -> None:
        self.attached.discard((name, certificate_id))
        self.status.pop(certificate_id, None)

    @step
    def remove_thing(self, name: str) -> None:
        self.things.discard(name)

    @step
    def remove_policy(self, name: str) -> None:
        self.policies.pop(name, None)

    @step
    def read(self) -> str | None:
        return self.texts[-1]

    @step
    def write(self, text: str) -> None:
        self.texts.append(text)

    @step
    def empty(self) -> None:
        self.texts = ["{}"]


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def service(account: Account) -> ProvisionProbe:
    return ProvisionProbe(account, account)


def test_a_probe_has_a_thing_a_policy_and_one_active_certificate_whose_key_is_in_the_secret(
    account: Account, service: ProvisionProbe
) -> None:
    probe = service.provision(NAME)

    assert account.things == {NAME}
    assert set(account.policies) == {NAME}
    assert account.attached == {(NAME, probe.certificate_id)}
    assert account.status == {probe.certificate_id: "ACTIVE"}
    assert ProbeCredentials.parse(account.texts[-1]) == ProbeCredentials(NAME, probe.certificate_id, "PEM", "KEY-1")
    assert probe.endpoint == "prefix-ats.iot.us-east-1.amazonaws.com"


def test_provisioning_again_changes_nothing(account: Account, service: ProvisionProbe) -> None:
    first = service.provision(NAME)

    assert service.provision(NAME) == first
    assert account.issued == 1


@pytest.mark.parametrize("failing", ["endpoint", "certificates", "read", *WRITES])
def test_a_failure_in_the_middle_leaves_nothing_behind(account: Account, service: ProvisionProbe, failing: str) -> None:
    account.fails_at = failing

    with pytest.raises(RegionUnavailable):
        service.provision(NAME)

    assert account.state() == (set(), {}, {}, set(), "{}")


@pytest.mark.parametrize("failing", WRITES)
def test_provisioning_after_a_failure_succeeds(account: Account, service: ProvisionProbe, failing: str) -> None:
    account.fails_at = failing
    with pytest.raises(RegionUnavailable):
        service.provision(NAME)

    probe = service.provision(NAME)

    assert account.status == {probe.certificate_id: "ACTIVE"}


@pytest.mark.parametrize("failing", ["create_certificate", "attach", "activate", "write"])
def test_an_update_that_fails_keeps_the_probe_that_was_there(
    account: Account, service: ProvisionProbe, failing: str
) -> None:
    first = service.provision(NAME)
    account.status[first.certificate_id] = "INACTIVE"
    account.fails_at = failing

    with pytest.raises(RegionUnavailable):
        service.provision(NAME)

    assert account.things == {NAME}
    assert set(account.policies) == {NAME}
    assert account.attached == {(NAME, first.certificate_id)}
    assert ProbeCredentials.parse(account.texts[-1]).certificate_id == first.certificate_id


@pytest.mark.parametrize("breakage", ["secret lost", "certificate inactive", "certificate detached"])
def test_a_probe_that_does_not_serve_gets_a_new_certificate_and_loses_the_old_one(
    account: Account, service: ProvisionProbe, breakage: str
) -> None:
    old = service.provision(NAME).certificate_id
    if breakage == "secret lost":
        account.texts.append("{}")
    elif breakage == "certificate inactive":
        account.status[old] = "INACTIVE"
    else:
        account.attached.clear()
        account.status.clear()

    new = service.provision(NAME).certificate_id

    assert new != old
    assert account.status == {new: "ACTIVE"}


def test_removing_leaves_nothing_and_may_be_repeated(account: Account, service: ProvisionProbe) -> None:
    service.provision(NAME)

    service.remove(NAME)
    service.remove(NAME)

    assert account.state() == (set(), {}, {}, set(), "{}")
    assert not any("KEY" in text for text in account.texts)


@pytest.mark.parametrize("failing", ["remove_certificate", "remove_thing", "remove_policy", "empty"])
def test_a_remove_that_was_cut_off_ends_the_same_when_repeated(
    account: Account, service: ProvisionProbe, failing: str
) -> None:
    service.provision(NAME)
    account.fails_at = failing
    with pytest.raises(RegionUnavailable):
        service.remove(NAME)

    service.remove(NAME)

    assert account.state() == (set(), {}, {}, set(), "{}")


def test_removing_the_probe_of_an_old_name_keeps_the_secret_of_the_new_one(
    account: Account, service: ProvisionProbe
) -> None:
    service.provision(NAME)
    renamed = service.provision("iot-dr-probe-2")

    service.remove(NAME)

    assert account.things == {"iot-dr-probe-2"}
    assert ProbeCredentials.parse(account.texts[-1]).certificate_id == renamed.certificate_id


def test_a_customers_thing_is_neither_made_nor_removed(account: Account, service: ProvisionProbe) -> None:
    account.things.add("pump-17")

    with pytest.raises(InvalidResource, match="iot-dr-probe-"):
        service.provision("pump-17")
    service.remove("pump-17")

    assert account.things == {"pump-17"}


def test_the_policy_allows_the_probes_own_client_ids_and_topics_and_nothing_else() -> None:
    document = json.loads(probe_policy(f"arn:aws-cn:iot:cn-north-1:123456789012:thing/{NAME}"))

    arn = "arn:aws-cn:iot:cn-north-1:123456789012:"
    assert {
        action: statement["Resource"]
        for statement in document["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    } == {
        "iot:Connect": f"{arn}client/{NAME}-*",
        "iot:Subscribe": f"{arn}topicfilter/{NAME}/*",
        "iot:Publish": f"{arn}topic/{NAME}/*",
        "iot:Receive": f"{arn}topic/{NAME}/*",
    }
