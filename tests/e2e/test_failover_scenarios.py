"""Failovers of a whole fleet on the Region pair: by one command, by Route 53 alone, and nothing is overwritten."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from iot_dr.aws.failover import control as control_item
from iot_dr.aws.failover import fence
from iot_dr.services.failover.evict import Eviction
from lab.counting import Call, Fault, Refusal
from lab.devices import MqttDevice
from lab.faults import Death, first_of, injected
from lab.fleet import Device, Fleet
from lab.lag import is_complete
from lab.operators import operator_environ, toolsrc
from lab.pair import FLEET, Pair
from lab.roaming import percentile
from lab.waiting import until
from templates.operator_policies import BREAK_GLASS, People, policies
from tests.e2e.commands import iot_dr
from tests.e2e.failing_over import SCALE, FailoverScene
from tests.e2e.test_launch import build_variables, launched_stacks
from tests.e2e.test_rights import Function, taken
from tests.failover_fakes import RecordedFailover

CLIENTS = 25
STRICT, LAX = range(CLIENTS, CLIENTS + 2)
"""Devices whose certificates a test makes useless, so none of them connects."""
DEVICES = CLIENTS + 2
BY_ITSELF_SECONDS = 20.0
"""What a busy machine may take; benchmarks/failover.py has the figures."""
FLIP_SECONDS = 4 * 10 * SCALE
"""Four intervals of the health checks."""
TEN_INTERVALS = 10 * 10 * SCALE


def refuse_route53(call: Call) -> Fault | None:
    """Route 53's control plane is gone too: it is in the Region that is away."""
    return Refusal(503, "ServiceUnavailable") if call.service == "route53" else None


@pytest.mark.row("F3")
def test_with_the_primary_and_route_53_away_one_command_has_every_device_served_in_seconds(
    scene: FailoverScene,
) -> None:
    with scene.roaming(CLIENTS) as fleet:
        scene.pair.proxy.reset()
        with injected(scene.pair.proxy, first_of(refuse_route53)), scene.pair.away(scene.pair.primary):
            code, told = scene.fail_over("--why", "the primary is away")

            assert (code, told["changed"]) == (0, True)
            assert fleet.all_at(scene.new, 2 * BY_ITSELF_SECONDS), f"{fleet.at(scene.new)} of {CLIENTS} are served"
    outages = fleet.without_service(scene.new)
    assert len(outages) == CLIENTS
    assert percentile(outages, 0.95) <= BY_ITSELF_SECONDS, outages
    calls = scene.pair.proxy.counts()
    assert not [call for call in calls if call.service == "route53"]
    updates = {call.region: number for call, number in calls.items() if call.operation == "UpdateItem"}
    assert updates[scene.pair.secondary] == 2  # the fence and the order
    assert "unread" in told["other_told"]


@pytest.mark.row("F2")
def test_a_primary_that_takes_no_devices_loses_them_without_an_operator_and_the_watch_makes_it_stick(
    scene: FailoverScene,
) -> None:
    assert scene.watch() == "elsewhere"
    with scene.roaming(CLIENTS) as fleet:
        with scene.pair.broker(scene.pair.primary).closed():
            closed_at = time.monotonic()
            assert scene.answered(scene.new, FLIP_SECONDS + 2), scene.answers()
            flipped = time.monotonic() - closed_at
            assert fleet.all_at(scene.new, 2 * BY_ITSELF_SECONDS), f"{fleet.at(scene.new)} of {CLIENTS} are served"
            assert scene.watch() == "took_lead"
        assert flipped <= FLIP_SECONDS + 2
        assert percentile(fleet.without_service(scene.new), 0.95) <= BY_ITSELF_SECONDS
        assert (scene.fence()["role"], scene.control(scene.pair.secondary)["mode"]) == ("leads", "automatic")
        # The primary is well again: nobody goes back unattended, in ten minutes of Route 53's own time.
        answers = scene.answers_in(minutes=10)
        assert answers == [{scene.new}] * 60
        assert fleet.at(scene.new) == CLIENTS


@pytest.mark.row("F4")
def test_a_primary_that_is_back_before_the_watch_overwrites_no_shadow_that_a_device_wrote(
    scene: FailoverScene,
) -> None:
    here, there = scene.shadows(scene.pair.primary), scene.shadows(scene.pair.secondary)
    things, shadow = [one.thing_name for one in scene.devices[:CLIENTS]], "early"
    for thing in things:
        here.update(thing, {"reported": {"by": "primary"}}, shadow)
    assert until(lambda: all(there.read(thing, shadow) for thing in things), 20)
    for thing in things:
        there.update(thing, {"reported": {"by": "device"}}, shadow)

    for thing in things:
        here.update(thing, {"desired": {"late": True}}, shadow)

    assert until(lambda: all(_reason(scene, f"shadow#{thing}#{shadow}") for thing in things), 20)
    assert [there.read(thing, shadow) for thing in things] == [{"reported": {"by": "device"}}] * CLIENTS


@pytest.mark.row("F4")
def test_a_worker_that_is_stopped_at_its_write_as_the_secondary_takes_the_lead_overwrites_nothing(
    scene: FailoverScene,
) -> None:
    """Scenario 9 on the pair, at one call; tests/unit/iot_dr/services/test_gate.py has it at every call."""
    pair, thing = scene.pair, scene.devices[10].thing_name
    here, there = scene.shadows(pair.primary), scene.shadows(pair.secondary)
    here.update(thing, {"reported": {"n": 0}})
    assert until(lambda: there.read(thing), 20)
    stops = Death({"UpdateThingShadow"}, pair.secondary)

    def stops_at_the_flip(call: Call) -> Fault | None:
        if fault := stops(call):
            scene.order(pair.secondary, leader=pair.secondary, mode="pinned", epoch="2", by="a test", why="a flip")
            there.update(thing, {"reported": {"by": "device"}})
        return fault

    with injected(pair.proxy, stops_at_the_flip):
        here.update(thing, {"reported": {"n": 1}})
        assert until(lambda: _state(scene, f"shadow#{thing}") == "held", 30), _item(scene, f"shadow#{thing}")

    assert stops.killed == {"UpdateThingShadow"}
    assert there.read(thing) == {"reported": {"n": 0, "by": "device"}}


def _item(scene: FailoverScene, resource: str) -> dict[str, str]:
    return scene.item(scene.pair.secondary, scene.tables["LEDGER_TABLE"], {"resource": {"S": resource}})


def _reason(scene: FailoverScene, resource: str) -> str:
    return _item(scene, resource).get("reason", "")


def _state(scene: FailoverScene, resource: str) -> str:
    return _item(scene, resource).get("state", "")


@pytest.mark.row("F4")
def test_late_events_fill_in_a_leading_secondary_and_overwrite_nothing(scene: FailoverScene, name: str) -> None:
    pair = scene.pair
    here, there = scene.shadows(pair.primary), scene.shadows(pair.secondary)
    written, untouched = (scene.devices[index].thing_name for index in (6, 7))
    fleet = Fleet(pair.client("iot"), region=pair.primary, account=pair.account)
    strict, lax = scene.devices[STRICT], scene.devices[LAX]
    pair.client("iot").update_certificate(certificateId=lax.identity.certificate_id, newStatus="INACTIVE")
    there_iot = pair.client("iot", pair.secondary)
    asleep = {lax.identity.certificate_id: "INACTIVE"}
    pair.client("lambda", pair.secondary).invoke(
        FunctionName=pair.physical_id("SweepRegistryFunction"), Payload=b'{"task": "sweep"}'
    )
    assert until(lambda: _statuses(there_iot, asleep) == asleep, 30)
    for thing in (written, untouched):
        here.update(thing, {"reported": {"n": 0}})
    assert until(lambda: all(there.read(thing) for thing in (written, untouched)), 20)

    with pair.trail(), pair.replicas.paused():
        late = fleet.provision(f"{name}-late")
        for number in range(1, 101):
            for thing in (written, untouched):
                here.update(thing, {"reported": {"n": number}})
        pair.client("iot").update_certificate(certificateId=strict.identity.certificate_id, newStatus="REVOKED")
        pair.client("iot").update_certificate(certificateId=lax.identity.certificate_id, newStatus="ACTIVE")
        code, _ = scene.fail_over("--why", "late events are held up")
        assert code == 0
        there.update(written, {"reported": {"n": -1, "by": "device"}})
        here.update(written, {"reported": {"n": 101}})

    assert until(lambda: there.read(untouched) == {"reported": {"n": 100}}, 30), there.read(untouched)
    assert until(lambda: is_complete(there_iot, late), 30)
    assert until(lambda: _state(scene, f"shadow#{written}") == "held", 20), _item(scene, f"shadow#{written}")
    assert there.read(written) == {"reported": {"n": -1, "by": "device"}}
    with _connected(scene, late) as client:
        client.publish(f"devices/{late.thing_name}/first", b"here")
    for device in (strict, lax):
        pair.client("iot").update_thing(
            thingName=device.thing_name, attributePayload={"attributes": {"touched": "1"}, "merge": True}
        )
    revoked = {strict.identity.certificate_id: "REVOKED"} | asleep
    assert until(lambda: _statuses(there_iot, revoked) == revoked, 30), _statuses(there_iot, revoked)
    assert until(lambda: _state(scene, f"thing#{lax.thing_name}") == "held", 20)
    assert "touched" not in (there_iot.describe_thing(thingName=lax.thing_name).get("attributes") or {})
    answer = pair.client("lambda", pair.secondary).invoke(
        FunctionName=pair.physical_id("SweepRegistryFunction"), Payload=b'{"task": "sweep"}'
    )
    assert b'"drift": 0' in answer["Payload"].read()


def _statuses(iot: object, certificates: dict[str, str]) -> dict[str, str]:
    describe = iot.describe_certificate  # type: ignore[attr-defined]  # a client of boto3
    return {one: describe(certificateId=one)["certificateDescription"]["status"] for one in certificates}


def _connected(scene: FailoverScene, device: Device) -> MqttDevice:
    return MqttDevice(
        f"{FLEET}:{scene.pair.fleet_port}",
        client_id=device.thing_name,
        identity=device.identity,
        ca_file=scene.pair.emulator.ca_file,
        resolve=lambda _name: scene.new,
    )


@pytest.mark.row("F3")
def test_opposite_orders_of_regions_that_cannot_see_each_other_end_with_the_higher_one(scene: FailoverScene) -> None:
    pair = scene.pair
    with pair.replicas.paused():
        assert scene.fail_over()[0] == 0
        scene.order(pair.primary, leader=pair.primary, mode="pinned", epoch="1", by="another", why="I saw it first")
        seen = scene.answers_for(TEN_INTERVALS)
        flipped = seen.index({scene.new})
        assert all(answers == {scene.new} for answers in seen[flipped:]), seen

    assert until(lambda: scene.control(pair.primary).get("epoch") == "2", 5), scene.control(pair.primary)
    assert scene.control(pair.secondary)["leader"] == scene.control(pair.primary)["leader"] == pair.secondary
    assert scene.fence()["role"] == "leads"


@pytest.mark.row("F3")
def test_two_operators_at_once_give_one_order(scene: FailoverScene) -> None:
    with ThreadPoolExecutor(2) as executor:
        codes = [code for code, _ in executor.map(lambda _: scene.fail_over(), range(2))]

    assert codes == [0, 0]
    assert (scene.fence()["epoch"], scene.control(scene.pair.secondary)["epoch"]) == ("2", "2")


@pytest.mark.row("F4")
@pytest.mark.parametrize("wrong", ["garbled control item", "garbled fence"])
def test_while_nobody_can_tell_who_leads_nothing_is_written(scene: FailoverScene, wrong: str, name: str) -> None:
    pair, since = scene.pair, time.time()
    if wrong == "garbled control item":
        scene.order(pair.secondary, leader="us-west2")
    else:
        key = {"resource": {"S": "iot-dr#fence"}}
        table = scene.tables["LEDGER_TABLE"]
        pair.client("dynamodb", pair.secondary).put_item(TableName=table, Item={**key, "role": {"S": "lead"}})

    pair.client("iot").create_thing(thingName=name)

    assert until(lambda: "garbled" in _reason(scene, f"thing#{name}"), 20), _reason(scene, f"thing#{name}")
    if wrong == "garbled control item":
        assert until(lambda: scene.alarm_rings(pair.secondary, "ControlUnreadableAlarm", since), 30)
    with pytest.raises(pair.client("iot", pair.secondary).exceptions.ResourceNotFoundException):
        pair.client("iot", pair.secondary).describe_thing(thingName=name)
    scene.the_primary_leads_again()


@pytest.mark.row("F2")
def test_a_pinned_secondary_whose_api_is_dead_falls_back_to_the_primary_and_comes_back(scene: FailoverScene) -> None:
    assert scene.fail_over()[0] == 0
    assert scene.answered(scene.new, FLIP_SECONDS + 3), scene.answers()

    own = outputs(scene.pair, scene.pair.secondary, "R53HealthChecker")["HealthCheckId"]
    scene.checkers.hide(scene.pair.secondary)
    try:
        assert scene.answered(scene.old, FLIP_SECONDS + 3), scene.answers()
        # By its metric rings the alarm of docs/health-checker.md; no function of the product can tell of this.
        assert not scene.checkers.is_healthy(own)
    finally:
        scene.checkers.show(scene.pair.secondary)

    assert scene.answered(scene.new, FLIP_SECONDS + 3), scene.answers()


@pytest.mark.row("F2")
def test_where_both_regions_are_unwell_the_primary_is_answered(scene: FailoverScene) -> None:
    with scene.pair.broker(scene.pair.primary).closed(), scene.pair.broker(scene.pair.secondary).closed():
        assert scene.answers_for(TEN_INTERVALS)[-1] == {scene.old}
        assert scene.watch() in ("elsewhere", "probe_failed")
    assert scene.fence().get("role", "follows") == "follows"


@pytest.mark.row("F3")
def test_devices_whose_resolver_is_stale_are_evicted_in_three_rounds_and_those_that_are_left_are_named(
    scene: FailoverScene,
) -> None:
    resolver = scene.resolver()
    with scene.roaming(CLIENTS, resolver) as fleet:
        there = scene.connections()
        resolver.stale_for(10**6)
        assert scene.fail_over()[0] == 0
        assert scene.answered(scene.new, FLIP_SECONDS + 3)

        evicted = Eviction(there, RecordedFailover(), lambda seconds: scene.pause(seconds * SCALE)).run()

        assert (evicted.rounds, evicted.ended) == (3, 3 * CLIENTS)
        assert set(evicted.left) == {one.thing_name for one in scene.devices[:CLIENTS]}
        resolver.stale_for(-1)
        assert Eviction(there, RecordedFailover(), lambda seconds: scene.pause(seconds * SCALE)).run().left == ()
        assert fleet.all_at(scene.new, 20)


@pytest.mark.row("F3", "O2")
@pytest.mark.parametrize(
    ("stem", "action"),
    [
        ("FailOver", "dynamodb:BatchGetItem"),
        ("FailOver", "dynamodb:UpdateItem"),
        ("WatchDomain", "dynamodb:BatchGetItem"),
    ],
)
def test_a_function_without_one_of_its_rights_fails_loudly_and_the_secondary_does_not_lead(
    scene: FailoverScene, stem: str, action: str
) -> None:
    function = Function(stem)
    with taken(scene.pair, function, action), scene.pair.broker(scene.pair.primary).closed():
        assert scene.answered(scene.new, FLIP_SECONDS + 3), scene.answers()
        answer = function.call(scene.pair, {"why": "a test"})

    assert "AccessDenied" in json.dumps(answer), answer
    assert scene.fence().get("role", "follows") == "follows"


def test_the_alarm_rings_where_devices_are_ordered_to_a_region_whose_own_round_trip_fails(
    scene: FailoverScene,
) -> None:
    assert scene.fail_over()[0] == 0
    since = time.time()

    with scene.pair.broker(scene.pair.secondary).closed():
        assert until(lambda: scene.alarm_rings(scene.pair.secondary, "PinnedWhileFailingAlarm", since), 30)


@pytest.mark.row("O1")
def test_the_alarm_of_a_server_certificate_rings_as_its_days_pass(scene: FailoverScene) -> None:
    now = time.time()

    assert scene.alarm_rings(scene.pair.primary, "FleetCertificateAlarm", now)
    assert scene.alarm_rings(scene.pair.secondary, "FleetCertificateAlarm", now)


@contextmanager
def _assumed(pair: Pair, name: str, policy: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """A role that a person can take with this policy alone; its keys, as a shell has them."""
    iam = pair.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{pair.account}:root"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=json.dumps(policy))
    try:
        found = pair.client("sts", pair.secondary).assume_role(RoleArn=role["Arn"], RoleSessionName="night")
        told = found["Credentials"]
        yield {
            "AWS_ACCESS_KEY_ID": told["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": told["SecretAccessKey"],
            "AWS_SESSION_TOKEN": told["SessionToken"],
        }
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="rights")
        iam.delete_role(RoleName=name)


@pytest.mark.row("F3", "O2")
def test_who_broke_the_glass_fails_over_with_the_primary_and_route_53_away_and_can_do_nothing_else(
    scene: FailoverScene, name: str
) -> None:
    pair = scene.pair
    people = People(pair.account, pair.primary, pair.secondary, pair.outputs["StackPostfix"])
    with _assumed(pair, name, policies(people)[BREAK_GLASS]) as keys:
        with injected(pair.proxy, first_of(refuse_route53)), pair.away(pair.primary):
            code, told = scene.fail_over("--why", "the glass is broken", keys=keys)

        assert (code, told["changed"]) == (0, True)
        assert (scene.fence()["role"], scene.control(pair.secondary)["mode"]) == ("leads", "pinned")
        allowed = [what for what, call in _other_calls(scene, keys) if not _is_refused(call)]
    assert not allowed


def _other_calls(scene: FailoverScene, keys: Mapping[str, str]) -> list[tuple[str, Callable[[], Any]]]:
    """What a break-glass role must not do, by what is asked."""
    pair, ledger, control = scene.pair, scene.tables["LEDGER_TABLE"], scene.tables["DYNAMODB_GLOBAL_TABLE"]
    session = boto3.Session(*(keys[f"AWS_{one}"] for one in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")))

    def client(service: str, region: str = pair.secondary) -> Any:
        emulator = pair.emulator
        return session.client(
            service, region_name=region, endpoint_url=emulator.tls_endpoint_url, verify=str(emulator.ca_file)
        )

    another = {"resource": {"S": "thing#pump"}}
    return [
        ("another item of the ledger", partial(client("dynamodb").get_item, TableName=ledger, Key=another)),
        ("all of the ledger", partial(client("dynamodb").scan, TableName=ledger)),
        ("to delete the fence", partial(client("dynamodb").delete_item, TableName=ledger, Key=fence.KEY)),
        (
            "the primary's control item",
            partial(client("dynamodb", pair.primary).get_item, TableName=control, Key=control_item.KEY),
        ),
        ("to end a connection", partial(client("iot-data").delete_connection, clientId=scene.devices[0].thing_name)),
        ("to list things", client("iot").list_things),
        ("to list functions", client("lambda").list_functions),
        ("to list zones", client("route53").list_hosted_zones),
    ]


def _is_refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException", "ForbiddenException"}
    return False


@pytest.mark.row("F3")
def test_the_function_for_alarms_and_plans_has_the_secondary_lead(scene: FailoverScene) -> None:
    answer = Function("FailOver").call(scene.pair, {"why": "an alarm"})

    assert (answer["leader"], answer["epoch"], answer["changed"]) == (scene.pair.secondary, 2, True)
    assert (scene.fence()["role"], scene.fence()["why"]) == ("leads", "an alarm")
    assert scene.answered(scene.new, FLIP_SECONDS + 3), scene.answers()


# What the launch made


def outputs(pair: Pair, region: str, stack: str) -> dict[str, str]:
    name = f"{stack}{pair.outputs['StackPostfix']}"
    (found,) = pair.client("cloudformation", region).describe_stacks(StackName=name)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}


def hosted_zone(pair: Pair) -> str:
    return outputs(pair, pair.secondary, "R53HealthChecker")["HostedZoneId"]


def servers(scene: FailoverScene) -> str:
    return scene.pair.route53.environ()["NAME_SERVERS"]


def check(pair: Pair, check_id: str) -> dict[str, Any]:
    found = pair.client("route53", pair.primary).get_health_check(HealthCheckId=check_id)
    config: dict[str, Any] = found["HealthCheck"]["HealthCheckConfig"]
    return config


def test_both_regions_answer_to_the_name_and_the_secondary_can_empty_the_primarys_record(scene: FailoverScene) -> None:
    pair = scene.pair
    primary, secondary = (outputs(pair, region, "R53HealthChecker") for region in (pair.primary, pair.secondary))
    sets = pair.client("route53", pair.primary).list_resource_record_sets(HostedZoneId=hosted_zone(pair))[
        "ResourceRecordSets"
    ]
    records = {one["Failover"]: one for one in sets if one["Name"].rstrip(".") == FLEET}

    assert {role: one["HealthCheckId"] for role, one in records.items()} == {
        "PRIMARY": primary["FleetCheckId"],
        "SECONDARY": secondary["HealthCheckId"],
    }
    assert {one["ResourceRecords"][0]["Value"] for one in records.values()} == {
        pair.device_endpoint(region) for region in (pair.primary, pair.secondary)
    }
    assert check(pair, primary["FleetCheckId"])["ChildHealthChecks"] == [
        primary["HealthCheckId"],
        secondary["DrainsCheckId"],
    ]
    for region in (pair.primary, pair.secondary):
        domains = pair.client("iot", region).list_domain_configurations()["domainConfigurations"]
        assert f"R53HealthChecker{pair.outputs['StackPostfix']}" in {one["domainConfigurationName"] for one in domains}


def test_route_53_asks_as_the_form_says(scene: FailoverScene) -> None:
    pair = scene.pair
    ids = [outputs(pair, region, "R53HealthChecker")["HealthCheckId"] for region in (pair.primary, pair.secondary)]
    ids.append(outputs(pair, pair.secondary, "R53HealthChecker")["DrainsCheckId"])

    for config in (check(pair, one) for one in ids):
        assert (config["RequestInterval"], config["FailureThreshold"]) == (10, 3)
        assert config["Regions"] == ["us-east-1", "eu-west-1", "sa-east-1"]


def test_the_watch_knows_the_name_and_its_servers_and_how_this_region_proves_itself(
    scene: FailoverScene,
) -> None:
    pair = scene.pair
    names = [one["FunctionName"] for one in pair.client("lambda", pair.secondary).list_functions()["Functions"]]
    (watch,) = [one for one in names if "WatchDomain" in one]
    found = pair.client("lambda", pair.secondary).get_function_configuration(FunctionName=watch)
    variables = found["Environment"]["Variables"]
    secret = pair.client("secretsmanager", pair.secondary).describe_secret(SecretId=variables["PROBE_SECRET_ARN"])

    assert (variables["FLEET_NAME"], variables["NAME_SERVERS"]) == (FLEET, servers(scene))
    assert variables["IOT_ENDPOINT"] == pair.device_endpoint(pair.secondary)
    assert secret["Name"] == f"R53HealthChecker{pair.outputs['StackPostfix']}/probe"
    schedules = pair.client("scheduler", pair.secondary).list_schedules()["Schedules"]
    assert [one for one in schedules if one["Name"].endswith("-WatchSchedule")]


def test_the_operators_tools_know_the_name(scene: FailoverScene) -> None:
    pair = scene.pair
    settings = toolsrc(pair)

    assert {name: settings[name] for name in ("FLEET_NAME", "HOSTED_ZONE_ID", "NAME_SERVERS")} == {
        "FLEET_NAME": FLEET,
        "HOSTED_ZONE_ID": hosted_zone(pair),
        "NAME_SERVERS": servers(scene),
    }


def test_a_launch_that_is_run_again_without_the_name_keeps_it(scene: FailoverScene) -> None:
    pair = scene.pair
    before, project = launched_stacks(pair), build_variables(pair)
    named = ("BUCKET_RESOURCES", "SOLUTION_NAME", "VERSION", "PRIMARY_REGION", "SECONDARY_REGION")
    shell = {
        **operator_environ(pair),
        **{name: project[name] for name in named},
        **dict.fromkeys(("FLEET_NAME", "HOSTED_ZONE_ID", "NAME_SERVERS"), ""),
        "STACK_POSTFIX": pair.outputs["StackPostfix"],
        "UUID": pair.outputs["UuidS3Postfix"],
        "CREATE_HEALTH_CHECK": "yes",
    }

    again = iot_dr(pair, "launch", environ=shell)

    assert again.returncode == 0, again.stderr
    assert launched_stacks(pair) == before
    assert toolsrc(pair)["FLEET_NAME"] == FLEET
