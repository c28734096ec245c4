"""Which questions the doctor asks about the failover itself."""

from __future__ import annotations

from dataclasses import replace

from iot_dr.errors import AccessDenied
from iot_dr.model.failover.names import FleetDomain
from iot_dr.model.status.checks import Level
from iot_dr.services.doctor.doctor import examine
from iot_dr.services.doctor.failover_examinations import FailoverDoctor
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.failover_fakes import ENDPOINTS, FLEET, ScriptedNameServers, Secondary


class Domains:
    """Both Regions' domain configurations, of which the secondary has none."""

    def domain(self, region: str, name: str) -> FleetDomain | None:
        assert name == FLEET
        if region == SECONDARY:
            return None
        return FleetDomain("fleet", enabled=True, certificate_ends=10**13)


def denied(_name: str) -> str:
    message = "User is not authorized to perform: route53:GetHostedZone"
    raise AccessDenied(message)


DOCTOR = FailoverDoctor(
    regions=PAIR,
    reader=Secondary().reader,
    name=FLEET,
    servers=ScriptedNameServers(),
    endpoint_of=ENDPOINTS.__getitem__,
    domains=Domains(),
    connectivity_mode={PRIMARY: "STATUS", SECONDARY: "OFF"}.__getitem__,
    indexing_mode={PRIMARY: "REGISTRY", SECONDARY: "REGISTRY_AND_SHADOW"}.__getitem__,
    accelerated_recovery=denied,
    clock=lambda: 0,
)


def test_everything_is_asked_and_what_cannot_be_is_a_warning() -> None:
    checks = examine([*DOCTOR.examinations()])

    assert [(one.name, one.level) for one in checks] == [
        ("leader", Level.OK),
        ("fleet's name", Level.OK),
        ("domain configuration", Level.OK),
        ("domain configuration", Level.FAILURE),
        ("connectivity index", Level.OK),
        ("connectivity index", Level.WARNING),
        ("accelerated recovery", Level.WARNING),
    ]
    assert "you lack route53:GetHostedZone" in checks[-1].found


def test_a_fleet_without_a_name_is_asked_who_leads_alone() -> None:
    assert [one.name for one in replace(DOCTOR, name="").examinations()] == ["leader"]


def test_before_a_launch_nothing_of_it_is_asked() -> None:
    assert list(replace(DOCTOR, reader=None, name="").examinations()) == []


def test_each_question_names_a_region_of_the_launch() -> None:
    assert {one.region for one in DOCTOR.examinations()} <= {PRIMARY, SECONDARY}
