"""The modes are words that an operator types."""

from iot_dr.reconcile.modes import Mode


def test_a_mode_is_the_word_that_names_it() -> None:
    assert [str(mode) for mode in Mode] == ["mirror", "upsert", "create_only"]
    assert Mode("mirror") is Mode.MIRROR
