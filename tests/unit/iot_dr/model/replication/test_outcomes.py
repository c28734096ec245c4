"""What a log line says of an outcome."""

from iot_dr.model.registry.keys import thing_key
from iot_dr.model.replication.outcomes import Outcome, State


def test_an_outcome_tells_its_facts_as_plain_values() -> None:
    outcome = Outcome(
        thing_key("pump-17"), State.FAILED, "AccessDenied: no", at=5, lag=None, event_id="e-1", again=True
    )

    assert outcome.facts() == {
        "resource": "thing#pump-17",
        "kind": "thing",
        "state": "failed",
        "reason": "AccessDenied: no",
        "lag": None,
        "event_id": "e-1",
    }
