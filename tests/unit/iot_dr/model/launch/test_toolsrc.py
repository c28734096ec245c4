"""A launch's settings are read, and nothing in them is run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.launches import Launch
from iot_dr.model.launch.toolsrc import LONGEST, parse
from iot_dr.model.regions import RegionPair
from iot_dr.services.launch.launch import toolsrc


def test_what_a_launch_writes_is_read_back() -> None:
    order = Launch(RegionPair("us-east-1", "us-west-2"), "20261124", "5f0c2a")

    found = parse(toolsrc(order, {"LEDGER_TABLE": "a 'table' $(it)"}), "toolsrc")

    assert (found["SECONDARY_REGION"], found["LEDGER_TABLE"]) == ("us-west-2", "a 'table' $(it)")


@pytest.mark.parametrize(
    "line",
    [
        "rm -rf ~",
        "export UUID=a; rm -rf ~",
        "export UUID=$(rm -rf ~) b",
        "UUID=a",
        "export UUID",
        "export uuid=a",
        "export A=1 B=2",
        "export A='",
        ". ./other",
        "\x00",
    ],
)
def test_a_line_that_no_launch_writes_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(ConfigurationError, match="s3://b/toolsrc:2 is none of a toolsrc's lines"):
        parse(f"# settings\n{line}\n", "s3://b/toolsrc")


def test_a_file_that_is_far_too_long_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is no toolsrc"):
        parse("#" * (LONGEST + 1), "toolsrc")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text, "toolsrc")
    except ConfigurationError:
        return
    assert all(name.isupper() for name in found)
