from iot_dr.model.registry.keys import thing_key
from iot_dr.model.replication.ledger_items import LedgerItem


def test_an_item_of_which_little_is_noted_neither_waits_nor_belongs_to_replication() -> None:
    item = LedgerItem(thing_key("pump-17"), None)

    assert (item.next_attempt, item.attempts, item.owned, item.since) == (None, 0, False, None)
