"""A secondary that was filled by hand before replication came: once it is adopted, deletions and revocations cross."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.fleet import Device, Fleet
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.commands import asked
from tests.e2e.observing import SECONDS, Ledger, certificate_status, certificates_of, policies_of, thing

pytestmark = pytest.mark.row("T8")


@pytest.fixture
def filled(pair: Pair, secondary: Any, fleet: Fleet, name: str) -> Iterator[tuple[Device, Device]]:
    """Two devices that somebody brought to the secondary first, and a third one that is nowhere else."""
    there = Fleet(secondary, region=pair.secondary, account=pair.account, policy_name=fleet.policy_name)
    there.prepare()
    brought = [there.provision(f"{name}-{number}") for number in range(3)]
    deleted, revoked = (fleet.provision(one.thing_name, identity=one.identity) for one in brought[:2])
    yield deleted, revoked
    there.retire(brought[2].thing_name)


def test_what_was_there_before_is_adopted_and_then_deletions_and_revocations_cross(  # fixtures
    pair: Pair, primary: Any, secondary: Any, ledger: Ledger, filled: tuple[Device, Device], name: str
) -> None:
    deleted, revoked = filled
    assert until(lambda: all(ledger(f"thing#{one.thing_name}").get("state") == "in_sync" for one in filled), SECONDS)
    assert not any("owned_at" in ledger(f"thing#{one.thing_name}") for one in filled)

    select = ("--select", f"thingName:{name}*", "--unpaced")
    _, planned = asked(pair, "adopt", *select)
    steps = {one["resource"]: (one["step"], one["standing"]) for one in planned["resources"]}
    # Two things, their certificates, one policy, and what attaches them.
    assert (planned["chosen"], len(steps)) == (9, 13)
    assert steps[f"thing#{name}-2"] == ("leave", "only secondary")
    code, adopted = asked(pair, "adopt", *select, "--apply", "--accept", planned["digest"])
    assert (code, adopted["done"], adopted["left"]) == (0, 9, 0)

    primary.detach_policy(policyName=revoked.policy_name, target=revoked.certificate_arn)
    code, checked = asked(pair, "reconcile", f"certificate#{revoked.identity.certificate_id}", "--apply")
    assert (code, checked["state"]) == (0, "in_sync")
    assert policies_of(pair, revoked.identity) == set()
    assert certificates_of(secondary, revoked.thing_name) == {revoked.identity.certificate_id}

    primary.detach_thing_principal(thingName=deleted.thing_name, principal=deleted.certificate_arn)
    primary.detach_policy(policyName=deleted.policy_name, target=deleted.certificate_arn)
    primary.update_certificate(certificateId=deleted.identity.certificate_id, newStatus="INACTIVE")
    primary.delete_certificate(certificateId=deleted.identity.certificate_id)
    primary.delete_thing(thingName=deleted.thing_name)
    assert until(lambda: thing(secondary, deleted.thing_name) is None, SECONDS)
    assert until(lambda: certificate_status(secondary, deleted.identity) is None, SECONDS)
    assert thing(secondary, f"{name}-2") is not None
