"""A launch beside that of the session is removed again: nothing of it is left, and the fleet stays as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.operators import operator_environ
from lab.pair import Pair
from tests.e2e.commands import asked, iot_dr
from tests.e2e.removal import left_of
from tests.e2e.test_launch import build_variables

POSTFIX, UUID = "20261128000000", "u9a3"
BUCKETS = ("iot-dr-primary-u9a3", "iot-dr-secondary-u9a3")
CHOICES = ("BUCKET_RESOURCES", "SOLUTION_NAME", "VERSION", "PRIMARY_REGION", "SECONDARY_REGION")


@pytest.fixture
def shell(pair: Pair) -> Iterator[dict[str, str]]:
    """The shell of an operator who has launched without the main stack and without health checkers."""
    project = build_variables(pair)
    environ = {
        **operator_environ(pair),
        **{name: project[name] for name in CHOICES},
        "STACK_POSTFIX": POSTFIX,
        "UUID": UUID,
        "CREATE_HEALTH_CHECK": "no",
    }
    launched = iot_dr(pair, "launch", environ=environ)
    assert launched.returncode == 0, launched.stderr
    yield environ
    iot_dr(pair, "uninstall", "--apply", "--empty-buckets", environ=environ)


def left(pair: Pair, region: str) -> set[str]:
    """Whatever in a Region has the launch's postfix or UUID in its name."""
    return left_of(pair, region, POSTFIX, UUID)


def test_a_launch_is_removed_in_order_its_buckets_with_consent_and_the_fleet_stays(
    pair: Pair, shell: dict[str, str]
) -> None:
    device = "uninstall-1"
    pair.client("iot", pair.secondary).create_thing(thingName=device)
    try:
        code, planned = asked(pair, "uninstall", environ=shell)
        assert (code, planned["applied"], planned["removed"]) == (0, False, [])
        assert left(pair, pair.primary) >= {f"IoTDRPrimary{POSTFIX}", f"IoTDRGlobalTable{POSTFIX}"}

        code, done = asked(pair, "uninstall", "--apply", environ=shell)
        assert code == 0, done
        assert [name.split()[1] for name in done["removed"]] == [f"IoTDRSecondary{POSTFIX}", f"IoTDRPrimary{POSTFIX}"]
        assert left(pair, pair.primary) | left(pair, pair.secondary) == {*BUCKETS}

        code, done = asked(pair, "uninstall", "--apply", "--empty-buckets", environ=shell)
        assert (code, done["left"]) == (0, [])
        assert left(pair, pair.primary) | left(pair, pair.secondary) == set()
        assert pair.client("iot", pair.secondary).describe_thing(thingName=device)["thingName"] == device
    finally:
        pair.client("iot", pair.secondary).delete_thing(thingName=device)
