"""The watch: an automatic failover sticks, and nothing else has it take the lead."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from iot_dr.errors import InvalidResource, IotDrError, NotReadyYet, RegionUnavailable
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, FenceRole
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.services.failover.watch import BY, DomainWatch, RoundTrip, Watched, WatchEnding
from tests.builders import PRIMARY, SECONDARY
from tests.failover_fakes import ENDPOINTS, FLEET, LEADING, SILENT, ScriptedNameServers, Secondary, Time

PROBE = ProbeCredentials("probe", "id", "certificate", "key")


@dataclass
class Scene:
    """The secondary Region with its name servers and its probe."""

    secondary: Secondary = field(default_factory=lambda: Secondary(fence=Fence(elsewhere_at=1)))
    servers: ScriptedNameServers = field(default_factory=ScriptedNameServers)
    time: Time = field(default_factory=Time)
    probe_error: IotDrError | None = None

    def probe(self) -> None:
        if self.probe_error:
            raise self.probe_error

    def look(self) -> Watched:
        return DomainWatch(
            FLEET, ENDPOINTS[SECONDARY], self.servers, self.secondary.lead, self.probe, self.time.pause
        ).look()

    @property
    def leads(self) -> bool:
        return self.secondary.fences.item.leads


def test_a_region_that_devices_are_sent_to_takes_the_lead_and_health_still_decides() -> None:
    scene = Scene()
    scene.servers.lead_to(SECONDARY)

    watched = scene.look()

    assert (watched.ending, watched.epoch) == (WatchEnding.TOOK_LEAD, 2)
    assert scene.leads
    control = scene.secondary.controls.item
    assert (control.leader, control.mode, control.by) == (SECONDARY, Mode.AUTOMATIC, BY)


def test_a_name_that_never_led_elsewhere_has_not_failed_over() -> None:
    scene = Scene(Secondary())
    scene.servers.lead_to(SECONDARY)
    assert scene.look().ending is WatchEnding.NEW

    scene.servers.lead_to(PRIMARY)
    assert scene.look().ending is WatchEnding.ELSEWHERE
    scene.servers.lead_to(SECONDARY)

    assert scene.look().ending is WatchEnding.TOOK_LEAD


@pytest.mark.parametrize(("number", "leads"), [(2, False), (3, True), (4, True)])
def test_more_than_half_of_all_servers_must_say_so(number: int, leads: bool) -> None:
    scene = Scene()
    scene.servers.lead_to(SECONDARY, number)

    scene.look()

    assert scene.leads is leads


def test_a_silent_server_says_nothing_for_either_region() -> None:
    scene = Scene()
    scene.servers.lead_to(SECONDARY)
    scene.servers.by_server |= {"ns-1": SILENT, "ns-2": SILENT}

    scene.look()

    assert not scene.leads


def test_they_must_say_so_twice_in_a_row() -> None:
    scene = Scene()
    scene.servers.lead_to(SECONDARY)
    scene.servers.before = lambda asked: scene.servers.lead_to(PRIMARY) if asked == 2 else None

    assert scene.look().ending is WatchEnding.ELSEWHERE
    assert scene.servers.asked == 2
    assert scene.time.pauses == [5.0]
    assert not scene.leads


def test_a_name_that_leads_elsewhere_is_asked_for_once() -> None:
    scene = Scene()

    assert scene.look().ending is WatchEnding.ELSEWHERE
    assert scene.servers.asked == 1


def test_a_region_whose_own_round_trip_fails_does_not_take_the_lead() -> None:
    scene = Scene(probe_error=RegionUnavailable("no connection"))
    scene.servers.lead_to(SECONDARY)

    assert scene.look() == Watched(WatchEnding.PROBE_FAILED, 0, "no connection")
    assert not scene.leads


@pytest.mark.parametrize(
    "control", [Control(PRIMARY, Mode.PINNED, 1), Control(PRIMARY, Mode.MOVING, 1), Control(SECONDARY, Mode.MOVING, 2)]
)
def test_what_somebody_has_ordered_stands(control: Control) -> None:
    scene = Scene(Secondary(control))
    scene.servers.lead_to(SECONDARY)

    assert scene.look().ending is WatchEnding.ORDERED
    assert scene.secondary.controls.item == control
    assert not scene.leads


def test_a_pin_of_this_region_that_its_fence_has_not_followed_stays_a_pin() -> None:
    scene = Scene(Secondary(Control(SECONDARY, Mode.PINNED)))
    scene.servers.lead_to(SECONDARY)

    assert scene.look().ending is WatchEnding.TOOK_LEAD
    assert scene.secondary.controls.item.mode is Mode.PINNED


def test_a_region_that_leads_asks_nobody_and_never_gives_the_lead_back() -> None:
    scene = Scene(Secondary(Control(SECONDARY, Mode.AUTOMATIC, 2), LEADING))

    assert scene.look() == Watched(WatchEnding.LEADS, 2)
    assert scene.servers.asked == 0
    assert scene.leads


@pytest.mark.parametrize(("by", "mode"), [(BY, Mode.AUTOMATIC), ("an operator", Mode.PINNED)])
def test_an_order_that_was_stopped_halfway_is_finished_as_it_was_meant(by: str, mode: Mode) -> None:
    scene = Scene(Secondary(fence=Fence(FenceRole.LEADS, 2, mode, 1000, by, "an outage")))

    assert scene.look() == Watched(WatchEnding.FINISHED, 2)
    control = scene.secondary.controls.item
    assert (control.leader, control.mode, control.epoch, control.by) == (SECONDARY, mode, 2, by)


@pytest.mark.parametrize("error", [NotReadyYet("no name server is known"), InvalidResource("garbled")])
def test_what_cannot_be_told_is_raised(error: IotDrError) -> None:
    scene = Scene()
    scene.servers.unknown = error

    with pytest.raises(type(error)):
        scene.look()

    assert not scene.leads


@dataclass
class Probe:
    """A broker that sends back what it got, or something else."""

    answer: str = ""

    def round_trip(self, credentials: ProbeCredentials, nonce: str, timeout_seconds: float) -> str:
        assert credentials.thing_name == "probe"
        assert timeout_seconds == 3.0
        return self.answer or nonce


class Secrets:
    """Holds the probe's credentials."""

    def read(self, secret_id: str, max_age_seconds: float) -> str:
        assert (secret_id, max_age_seconds) == ("probe's secret", 300)
        return PROBE.to_json()


def test_a_round_trip_that_brings_back_what_was_sent_is_fine() -> None:
    RoundTrip("probe's secret", Secrets(), Probe(), lambda: "nonce").make()


def test_a_round_trip_that_brings_back_something_else_has_failed() -> None:
    with pytest.raises(RegionUnavailable):
        RoundTrip("probe's secret", Secrets(), Probe("old"), lambda: "nonce").make()
