"""What the lab turns on in the primary Region."""

from iot_dr.model.events.registry_events import REPLICATED_EVENT_FAMILIES
from lab.pair import EVENT_FAMILIES


def test_the_events_that_the_product_replicates_are_turned_on() -> None:
    assert set(EVENT_FAMILIES) == set(REPLICATED_EVENT_FAMILIES)
