"""Prices come from TOML or JSON, by the end of the file's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files.price_file import read_prices
from iot_dr.model.cost.prices import Unit

TOML = 'date = "2027-01"\nsource = "ours"\nalarm = 0.2\n'
JSON = '{"date": "2027-01", "source": "ours", "alarm": 0.2}'


@pytest.mark.parametrize(("name", "text"), [("p.toml", TOML), ("p.json", JSON), ("p.conf", TOML)])
def test_both_forms_say_the_same(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)

    assert read_prices(path).usd[Unit.ALARM] == 0.2


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.toml", JSON, "is no TOML"),
        ("p.json", TOML, "is no JSON"),
        ("p.json", "[]", "must hold an object"),
        ("p.toml", "", 'has no "date"'),
    ],
)
def test_what_holds_no_prices_is_told(name: str, text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=told):
        read_prices(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_prices(tmp_path / "none.toml")
