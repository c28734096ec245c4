"""The health check's decisions, with a probe and secrets that do what the test says."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from iot_dr.errors import AccessDenied, InvalidResource, IotDrError, NotReadyYet, RegionUnavailable, Throttled
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.services import health
from iot_dr.services.health import HealthCheck, HealthSecrets, LastKnownControl, Notice, Verdict
from tests.builders import PRIMARY, SECONDARY

CREDENTIALS = ProbeCredentials("iot-dr-probe-1", "a" * 64, "certificate", "key")
RENEWED = replace(CREDENTIALS, certificate_id="b" * 64)


@dataclass
class Secrets:
    """Secrets with a current text each; a remembered older one is given to who accepts its age."""

    current: dict[str, str]
    remembered: dict[str, str] = field(default_factory=dict)
    reads: list[tuple[str, float]] = field(default_factory=list)

    def read(self, secret_id: str, max_age_seconds: float) -> str:
        self.reads.append((secret_id, max_age_seconds))
        if max_age_seconds >= health.REMEMBER_SECONDS and secret_id in self.remembered:
            return self.remembered[secret_id]
        return self.current[secret_id]


@dataclass
class Broker:
    """Returns the nonce, or another text, or fails; remembers who spoke to it."""

    accepts: frozenset[str] = frozenset({CREDENTIALS.certificate_id, RENEWED.certificate_id})
    sends: str | None = None
    fails: IotDrError | None = None
    calls: list[tuple[str, str, float]] = field(default_factory=list)

    def round_trip(self, credentials: ProbeCredentials, nonce: str, timeout_seconds: float) -> str:
        self.calls.append((credentials.certificate_id, nonce, timeout_seconds))
        if self.fails:
            raise self.fails
        if credentials.certificate_id not in self.accepts:
            raise AccessDenied("the endpoint closed the connection before it was accepted")
        return nonce if self.sends is None else self.sends


class Clock:
    def __init__(self, *times: float) -> None:
        self.times = list(times)

    def __call__(self) -> float:
        return self.times.pop(0) if len(self.times) > 1 else self.times[0]


def a_check(broker: Broker, secrets: Secrets | None = None, clock: Callable[[], float] | None = None) -> HealthCheck:
    nonces = iter(f"nonce-{number}" for number in range(9))
    return HealthCheck(
        ids=HealthSecrets(path="path", probe="probe"),
        secrets=secrets or some_secrets(),
        probe=broker,
        clock=clock or Clock(0.0),
        new_nonce=lambda: next(nonces),
    )


def some_secrets() -> Secrets:
    return Secrets({"path": "s3cret", "probe": CREDENTIALS.to_json()})


def test_a_region_that_returns_the_nonce_is_healthy() -> None:
    assert a_check(Broker()).check("s3cret") == health.HEALTHY
    assert health.HEALTHY.status_code == 200


@pytest.mark.parametrize("received", ["", "nonce-1", "nonce-00", "NONCE-0"])
def test_a_region_that_returns_anything_but_the_nonce_is_unhealthy(received: str) -> None:
    verdict = a_check(Broker(sends=received)).check("s3cret")

    assert verdict == health.WRONG_MESSAGE
    assert verdict.status_code == 503


def test_the_nonce_of_an_earlier_call_does_not_make_a_later_one_healthy() -> None:
    broker = Broker()
    check = a_check(broker)
    assert check.check("s3cret") == health.HEALTHY

    broker.sends = "nonce-0"

    assert check.check("s3cret") == health.WRONG_MESSAGE


def test_every_call_makes_a_round_trip_of_its_own() -> None:
    broker = Broker()
    check = a_check(broker)

    for _ in range(3):
        check.check("s3cret")

    assert [nonce for _, nonce, _ in broker.calls] == ["nonce-0", "nonce-1", "nonce-2"]


@pytest.mark.parametrize("offered", ["", "S3cret", "s3cret ", "s3cre", "s3crett", "sécret", "\ud800"])
def test_a_wrong_secret_is_forbidden_and_causes_no_mqtt_traffic(offered: str) -> None:
    broker = Broker()

    verdict = a_check(broker).check(offered)

    assert verdict == health.FORBIDDEN
    assert verdict.status_code == 403
    assert broker.calls == []


def test_an_empty_path_secret_lets_nobody_in() -> None:
    secrets = some_secrets()
    secrets.current["path"] = ""

    assert a_check(Broker(), secrets).check("") == health.FORBIDDEN


def test_a_wrong_secret_never_reads_the_private_key() -> None:
    secrets = some_secrets()

    a_check(Broker(), secrets).check("guess")

    assert {secret_id for secret_id, _ in secrets.reads} == {"path"}


def test_a_rotated_path_secret_is_found_although_the_old_one_is_remembered() -> None:
    secrets = some_secrets()
    secrets.remembered["path"] = "old"

    assert a_check(Broker(), secrets).check("s3cret") == health.HEALTHY


def test_credentials_that_are_refused_are_read_anew_and_tried_once_more() -> None:
    secrets = some_secrets()
    secrets.remembered["probe"] = CREDENTIALS.to_json()
    secrets.current["probe"] = RENEWED.to_json()
    broker = Broker(accepts=frozenset({RENEWED.certificate_id}))

    assert a_check(broker, secrets).check("s3cret") == health.HEALTHY
    assert [certificate for certificate, _, _ in broker.calls] == [CREDENTIALS.certificate_id, RENEWED.certificate_id]


def test_credentials_that_are_refused_and_still_current_are_not_tried_again() -> None:
    broker = Broker(accepts=frozenset())
    check = a_check(broker)

    with pytest.raises(AccessDenied):
        check.check("s3cret")

    assert len(broker.calls) == 1


def test_a_certificate_that_is_deactivated_between_two_calls_fails_the_second_and_serves_again_when_activated() -> None:
    broker = Broker()
    check = a_check(broker)
    assert check.check("s3cret") == health.HEALTHY

    broker.accepts = frozenset()
    with pytest.raises(AccessDenied):
        check.check("s3cret")

    broker.accepts = frozenset({CREDENTIALS.certificate_id})
    assert check.check("s3cret") == health.HEALTHY


class Stopwatch:
    """A clock that only what takes time moves on."""

    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        return self.now


def test_a_second_try_gets_what_reading_secrets_and_the_first_try_left_of_the_time() -> None:
    clock = Stopwatch()

    class SlowSecrets(Secrets):
        def read(self, secret_id: str, max_age_seconds: float) -> str:
            clock.now += 0.1
            return super().read(secret_id, max_age_seconds)

    class SlowBroker(Broker):
        def round_trip(self, credentials: ProbeCredentials, nonce: str, timeout_seconds: float) -> str:
            try:
                return super().round_trip(credentials, nonce, timeout_seconds)
            finally:
                clock.now += 0.5

    broker = SlowBroker(accepts=frozenset({RENEWED.certificate_id}))
    secrets = SlowSecrets({"path": "s3cret", "probe": RENEWED.to_json()}, {"probe": CREDENTIALS.to_json()})

    assert a_check(broker, secrets, clock).check("s3cret") == health.HEALTHY

    # The path's secret and the credentials before the first try, the credentials once more before the second.
    spent = [0.2, 0.8]
    assert [timeout for _, _, timeout in broker.calls] == pytest.approx(
        [health.DEADLINE_SECONDS - one for one in spent]
    )


def test_a_secret_that_opens_is_read_at_the_age_at_which_it_is_remembered() -> None:
    secrets = some_secrets()

    a_check(Broker(), secrets).check("s3cret")

    assert secrets.reads == [("path", health.REMEMBER_SECONDS), ("probe", health.REMEMBER_SECONDS)]


def test_no_round_trip_begins_after_the_deadline() -> None:
    broker = Broker()

    with pytest.raises(RegionUnavailable):
        a_check(broker, clock=Clock(10.0, 10.0 + health.DEADLINE_SECONDS)).check("s3cret")

    assert broker.calls == []


def test_the_deadline_leaves_time_within_the_two_seconds_that_route_53_waits() -> None:
    assert health.DEADLINE_SECONDS <= 1.5


def test_a_secret_without_credentials_is_a_failure_that_quotes_nothing_of_it() -> None:
    secrets = some_secrets()
    secrets.current["probe"] = '{"private_key": "KEY"'

    with pytest.raises(NotReadyYet) as caught:
        a_check(Broker(), secrets).check("s3cret")

    assert "KEY" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AccessDenied("arn:aws:secretsmanager:..."), "refused"),
        (RegionUnavailable("host"), "unreachable"),
        (NotReadyYet("arn"), "not_ready"),
        (Throttled("arn"), "not_ready"),
    ],
)
def test_every_foreseen_failure_is_unhealthy_with_a_reason_from_a_fixed_list(error: IotDrError, reason: str) -> None:
    assert health.failure(error) == health.Verdict(503, reason)


@dataclass
class Orders:
    """The control item of a Region's replica, or why it cannot be read."""

    says: Control | IotDrError

    def control(self) -> Control:
        if isinstance(self.says, IotDrError):
            raise self.says
        return self.says


@dataclass
class Asked:
    """A Region's health check under orders, with what somebody was told of."""

    region: str
    orders: Orders
    broker: Broker = field(default_factory=Broker)
    clock: Stopwatch = field(default_factory=Stopwatch)
    noticed: list[tuple[Notice, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.check = replace(
            a_check(self.broker, clock=self.clock),
            region=self.region,
            orders=LastKnownControl(self.orders, self.clock),
            notice=lambda notice, reason: self.noticed.append((notice, reason)),
        )

    def health(self) -> Verdict:
        try:
            return self.check.check("s3cret")
        except IotDrError as error:
            return health.failure(error)

    def drains(self) -> Verdict:
        return self.check.drains("s3cret")


WELL, ILL = None, RegionUnavailable("no connection")
P, S = PRIMARY, SECONDARY
CELLS = [
    # asked, leader, mode, probe, /health, /drains
    (P, P, Mode.AUTOMATIC, WELL, 200, 200),
    (P, P, Mode.AUTOMATIC, ILL, 503, 404),
    (P, S, Mode.AUTOMATIC, WELL, 200, 404),
    (P, S, Mode.AUTOMATIC, ILL, 503, 404),
    (P, P, Mode.PINNED, WELL, 200, 200),
    (P, P, Mode.PINNED, ILL, 200, 200),
    (P, S, Mode.PINNED, WELL, 503, 404),
    (P, S, Mode.PINNED, ILL, 503, 404),
    (P, P, Mode.MOVING, WELL, 200, 200),
    (P, P, Mode.MOVING, ILL, 200, 200),
    (P, S, Mode.MOVING, WELL, 503, 404),
    (P, S, Mode.MOVING, ILL, 503, 404),
    (S, P, Mode.AUTOMATIC, WELL, 200, 404),
    (S, P, Mode.AUTOMATIC, ILL, 503, 404),
    (S, S, Mode.AUTOMATIC, WELL, 200, 200),
    (S, S, Mode.AUTOMATIC, ILL, 503, 404),
    (S, P, Mode.PINNED, WELL, 503, 404),
    (S, P, Mode.PINNED, ILL, 503, 404),
    (S, S, Mode.PINNED, WELL, 200, 200),
    (S, S, Mode.PINNED, ILL, 200, 200),
    (S, P, Mode.MOVING, WELL, 503, 404),
    (S, P, Mode.MOVING, ILL, 503, 404),
    (S, S, Mode.MOVING, WELL, 200, 200),
    (S, S, Mode.MOVING, ILL, 200, 200),
]


@pytest.mark.parametrize(("asked", "leader", "mode", "probe", "healthy", "drains"), CELLS)
def test_the_order_and_the_round_trip_decide_what_is_answered(
    asked: str, leader: str, mode: Mode, probe: IotDrError | None, healthy: int, drains: int
) -> None:
    region = Asked(asked, Orders(Control(leader, mode)), Broker(fails=probe))

    assert (region.health().status_code, region.drains().status_code) == (healthy, drains)


@pytest.mark.parametrize("mode", [Mode.PINNED, Mode.MOVING])
def test_a_region_that_is_pinned_tells_how_its_round_trip_ended(mode: Mode) -> None:
    well, ill = (Asked(S, Orders(Control(S, mode)), Broker(fails=probe)) for probe in (WELL, ILL))

    assert well.health() == Verdict(200, "pinned", probe="round_trip")
    assert ill.health() == Verdict(200, "pinned", probe="unreachable")
    assert well.noticed == []
    assert ill.noticed == [(Notice.PINNED_WHILE_FAILING, "no connection")]


def test_a_pinned_region_that_returns_another_message_is_told_of_too() -> None:
    region = Asked(S, Orders(Control(S, Mode.PINNED)), Broker(sends="another"))

    assert region.health() == Verdict(200, "pinned", probe="wrong_message")
    assert region.noticed == [(Notice.PINNED_WHILE_FAILING, "wrong_message")]


def test_a_region_that_is_drained_says_so_without_a_round_trip() -> None:
    region = Asked(P, Orders(Control(S, Mode.PINNED)))

    assert region.health() == health.DRAINED
    assert region.broker.calls == []


def test_an_order_to_drain_the_other_is_told_without_a_round_trip() -> None:
    region = Asked(S, Orders(Control(S, Mode.PINNED)))

    assert region.drains() == health.DRAINS
    assert region.broker.calls == []


def test_a_leader_that_is_ill_does_not_drain_the_other_and_says_why() -> None:
    region = Asked(S, Orders(Control(S)), Broker(fails=ILL))

    assert region.drains() == Verdict(404, "drains_not", probe="unreachable")


@pytest.mark.parametrize("fault", [RegionUnavailable("late"), AccessDenied("role"), InvalidResource("garbled")])
def test_while_the_order_cannot_be_read_the_last_one_holds_for_five_minutes(fault: IotDrError) -> None:
    region = Asked(S, Orders(Control(S, Mode.PINNED)), Broker(fails=ILL))
    assert region.health().status_code == 200

    region.orders.says = fault
    region.clock.now += 300
    assert (region.health().reason, region.drains().reason) == ("pinned", "drains")

    region.clock.now += 1
    assert (region.health().reason, region.drains().reason) == ("unreachable", "drains_not")
    assert (Notice.CONTROL_UNREADABLE, str(fault)) in region.noticed


def test_an_order_that_was_never_read_leaves_the_region_to_its_own_round_trip() -> None:
    region = Asked(P, Orders(RegionUnavailable("late")))

    assert (region.health(), region.drains()) == (health.HEALTHY, health.DRAINS_NOT)
    assert region.noticed == [(Notice.CONTROL_UNREADABLE, "late")] * 2


def test_five_minutes_begin_anew_with_each_order_that_is_read() -> None:
    region = Asked(S, Orders(Control(S, Mode.PINNED)))
    region.health()
    region.clock.now += 299
    region.health()
    region.orders.says = RegionUnavailable("late")
    region.clock.now += 299

    assert region.drains() == health.DRAINS


def test_an_order_counts_with_the_next_call() -> None:
    region = Asked(P, Orders(Control(P)))
    assert region.health() == health.HEALTHY

    region.orders.says = Control(S, Mode.PINNED)

    assert region.health() == health.DRAINED


def test_without_a_control_item_the_round_trip_decides_and_nobody_is_drained() -> None:
    assert a_check(Broker()).check("s3cret") == health.HEALTHY
    assert a_check(Broker()).drains("s3cret") == health.DRAINS_NOT


def test_who_guesses_learns_no_order_and_causes_no_read_of_it() -> None:
    region = Asked(S, Orders(InvalidResource("garbled")))

    assert {region.check.check("guess"), region.check.drains("guess")} == {health.FORBIDDEN}
    assert region.noticed == []


def test_the_round_trip_gets_what_reading_the_order_left_of_the_time() -> None:
    clock = Stopwatch()

    class SlowOrders(Orders):
        def control(self) -> Control:
            clock.now += 0.6
            return super().control()

    region = Asked(S, SlowOrders(Control(S)), clock=clock)
    region.health()
    region.drains()

    left = pytest.approx(health.DEADLINE_SECONDS - 0.6)
    assert [timeout for *_, timeout in region.broker.calls] == [left, left]


def test_a_drills_devices_are_answered_by_the_drills_item_and_the_fleet_by_its_own() -> None:
    region = Asked(P, Orders(Control(P)))
    canary = LastKnownControl(Orders(Control(P, unwell=P)), region.clock)
    region.check = replace(region.check, canary=canary)

    fleet, drill = region.health(), region.check.for_canary().check("s3cret")

    assert (fleet, drill) == (health.HEALTHY, health.UNWELL)
    assert len(region.broker.calls) == 1


def test_nobody_is_called_because_of_a_drills_item() -> None:
    region = Asked(P, Orders(Control(P)), Broker(fails=ILL))
    pinned = LastKnownControl(Orders(Control(P, Mode.PINNED)), region.clock)
    unreadable = LastKnownControl(Orders(RegionUnavailable("no table")), region.clock)
    for orders in (pinned, unreadable):
        check = replace(region.check, canary=orders).for_canary()
        with suppress(IotDrError):
            check.check("s3cret")
        check.drains("s3cret")

    assert region.noticed == []
