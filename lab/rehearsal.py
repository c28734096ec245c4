"""A fleet on the launched pair: made, changed, its shadows too; both Regions compared; a failover, and a drill."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from lab.devices import MqttDevice
from lab.emulator import LabError
from lab.fleet import Device, Fleet
from lab.lag import Lag, LagWatch
from lab.operators import drill, verify
from lab.pair import FLEET, Pair
from lab.progress import step
from lab.registry import Registry, read
from lab.roaming import RoamingFleet
from lab.route53.name_servers import ask
from lab.route53.service import SCALE
from lab.shadows import Shadows
from lab.waiting import until

_CROSS_SECONDS = 60
_DRILL = ("--clients", "5", "--baseline", "2", "--stay", "3", "--timeout", "60")
_TYPES = ("pump", "valve")
_UPDATES = 20
_SITES = ("sites", "coast", "harbour")


@dataclass(frozen=True)
class Outcome:
    """What a rehearsal found."""

    primary: Registry
    secondary: Registry
    cold: Lag
    lag: Lag
    connected: tuple[str, ...] = ()
    failover: float | None = None
    """Seconds that the device was without service when the primary's broker was closed; None if it stayed without."""
    verified: bool = False
    rehearsed: bool = False
    """Whether the drill met its objectives."""
    differences: list[str] = field(default_factory=list)


def rehearse(pair: Pair, devices: int, report: Path, page: Path) -> Outcome:
    """Run the fleet through its life, check both Regions, and have the product prove them equal in a report.

    Then the primary's broker is closed, and in the end the product rehearses a failover of its own, on a page.
    """
    fleet = Fleet(pair.client("iot", pair.primary), region=pair.primary, account=pair.account)
    cold, lag = _provision(pair, fleet, devices)
    _group(pair, fleet)
    _change(pair, fleet)
    _report(pair, fleet)
    differences = _settle(pair)
    connected = _connect(pair, next(iter(fleet)))
    with step(pair.progress, "Have the product prove it (iot-dr verify --report)"):
        verified = verify(pair, report, pair.progress.line)
    found = _read(pair, pair.primary), _read(pair, pair.secondary)
    without_service = _fail_over(pair, next(iter(fleet)))
    with (
        step(pair.progress, "Rehearse a failover there and back with 5 clients (iot-dr drill --report)"),
        pair.route53.evaluating(SCALE),
    ):
        rehearsed = drill(pair, page, pair.progress.line, *_DRILL)
    return Outcome(*found, cold, lag, connected, without_service, verified, rehearsed, differences)


def _provision(pair: Pair, fleet: Fleet, devices: int) -> tuple[Lag, Lag]:
    """One device first, which meets functions that have never run; then the others, of which the lag is told."""
    names = [f"{_TYPES[number % len(_TYPES)]}-{number:02}" for number in range(devices)]
    with step(pair.progress, f"Provision a first device in {pair.primary}; the functions start cold"):
        fleet.prepare(*_TYPES)
        cold = _cross(pair, fleet, names[:1])
    with step(pair.progress, f"Provision {devices - 1} more, each with its own key and certificate"):
        return cold, _cross(pair, fleet, names[1:])


def _cross(pair: Pair, fleet: Fleet, names: list[str]) -> Lag:
    with LagWatch(pair.client("iot", pair.secondary)) as watch:
        for number, name in enumerate(names):
            attributes = {"site": "harbour" if number % 3 else "mill", "serial": f"{number:04}"}
            watch.made(fleet.provision(name, thing_type=name.partition("-")[0], attributes=attributes))
        missing = watch.wait(_CROSS_SECONDS)
        if missing:
            message = f"not complete in {pair.secondary} after {_CROSS_SECONDS} s: {', '.join(missing)}"
            raise LabError(message)
        return watch.lag


def _group(pair: Pair, fleet: Fleet) -> None:
    with step(pair.progress, "Group them: nested groups with a policy, a dynamic group, a billing group"):
        names = list(fleet.devices)
        groups = fleet.make_groups(*_SITES, country="here")
        fleet.make_group("quarry", parent=_SITES[0])
        fleet.join(groups[-1].name, *names)
        fleet.attach_policy(groups[0])
        fleet.make_dynamic_group("at-the-mill", "attributes.site:mill")
        fleet.make_billing_group("factory", *names[:2])


def _change(pair: Pair, fleet: Fleet) -> None:
    with step(pair.progress, "Change attributes, move one device, retire one, replace another under its name"):
        names = list(fleet.devices)
        fleet.change(names[1], site="quarry", firmware="2.1")
        fleet.leave(_SITES[-1], names[1])
        fleet.join("quarry", names[1])
        fleet.retire(names[-1])
        replaced = fleet.retire(names[-2])
        fleet.provision(replaced.thing_name, thing_type=replaced.thing_type, attributes={"site": "mill"})


def _report(pair: Pair, fleet: Fleet) -> None:
    """Give each device a classic shadow and one a named one, and clear, delete and change some of it again."""
    with step(pair.progress, "Let devices report into their shadows, classic and named, and clear and delete some"):
        shadows, names = Shadows(pair.client("iot-data", pair.primary)), list(fleet.devices)
        for name in names:
            shadows.update(name, {"desired": {"interval": 60}, "reported": {"interval": 30, "site": {"bay": name}}})
        shadows.update(names[0], {"desired": None, "reported": {"interval": None, "readings": [1, 2.5, True]}})
        for reading in range(_UPDATES):
            shadows.update(names[1], {"reported": {"reading": reading}})
        shadows.update(names[1], {"desired": {"firmware": "2.1"}}, "config")
        shadows.update(names[2], {"reported": {"door": "open"}}, "doors")
        shadows.delete(names[2])


def _read(pair: Pair, region: str) -> Registry:
    return read(pair.client("iot", region), region, pair.client("iot-data", region))


def _regions(pair: Pair) -> tuple[str, str]:
    return pair.primary, pair.secondary


def _settle(pair: Pair) -> list[str]:
    """Wait for events, then let the sweep bring what has none, as its schedule does; what differs then differs."""
    gone = tuple(pair.client("iot", region).exceptions.ResourceNotFoundException for region in _regions(pair))

    def differences() -> list[str]:
        try:
            return _read(pair, pair.primary).differences(_read(pair, pair.secondary))
        except gone as error:
            return [f"changed while it was read: {error}"]

    with step(pair.progress, "Wait until both Regions are equal"):
        if until(lambda: not differences(), 8):
            return []
    with step(
        pair.progress, "Run the sweep for what raises no event (certificates, billing groups), as its schedule does"
    ):
        stack = pair.rested_stack(f"IoTDRSecondary{pair.outputs['StackPostfix']}", pair.secondary)
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        answer = pair.client("lambda", pair.secondary).invoke(
            FunctionName=outputs["SweepRegistryFunctionName"], Payload=json.dumps({"task": "sweep"})
        )
        if answer.get("FunctionError"):
            message = f"the sweep failed: {answer['Payload'].read().decode()}"
            raise LabError(message)
        until(lambda: not differences(), _CROSS_SECONDS)
        return differences()


def _fail_over(pair: Pair, device: Device) -> float | None:
    """Close the primary's broker, with nobody at hand, and see the device served by the secondary."""
    old, new = (pair.fleet_address(region) for region in (pair.primary, pair.secondary))
    resolver = pair.route53.resolver(clock=lambda: time.monotonic() / SCALE)
    roaming = RoamingFleet(
        [device], name=FLEET, port=pair.fleet_port, resolve=resolver.address, ca_file=pair.emulator.ca_file, every=0.2
    )
    with step(pair.progress, f"Close the MQTT broker of {pair.primary}: the name fails over, a device follows"):
        with pair.route53.evaluating(SCALE):
            # New checks have no answer yet; until they have, the name leads to the secondary.
            until(lambda: {_leads_to(server) for server in pair.route53.addresses} == {old}, _CROSS_SECONDS)
            with roaming:
                if not roaming.all_at(old, _CROSS_SECONDS):
                    message = f"{device.thing_name} did not reach {pair.primary} by {FLEET}"
                    raise LabError(message)
                with pair.broker(pair.primary).closed():
                    roaming.all_at(new, _CROSS_SECONDS)
        return next(iter(roaming.without_service(new)), None)


def _leads_to(server: tuple[str, int]) -> str:
    """The address that a name server answers with for the fleet's name."""
    found = ask(FLEET, "A", server).answers
    return next((one.value for one in found if one.type == "A"), "")


def _connect(pair: Pair, device: Device) -> tuple[str, ...]:
    """Connect with the same key and certificate to each Region, publish and get the message back."""
    for region in (pair.primary, pair.secondary):
        with step(pair.progress, f"Connect {device.thing_name} by MQTT to {region}, publish, receive"):
            topic = f"devices/{device.thing_name}/lab"
            with MqttDevice(
                pair.device_endpoint(region),
                client_id=device.thing_name,
                identity=device.identity,
                ca_file=pair.emulator.ca_file,
            ) as client:
                client.subscribe(topic)
                client.publish(topic, region.encode())
                if client.receive() != (topic, region.encode()):
                    message = f"{region} returned another message than the one published"
                    raise LabError(message)
    return (pair.primary, pair.secondary)
