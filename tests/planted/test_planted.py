"""The list of planted faults stays true of the code, so that it can be run at any time."""

from dataclasses import replace

import pytest

from tests.planted.__main__ import TestsFail, plant
from tests.planted.copies import ROOT
from tests.planted.faults import Fault, all_faults

FAULTS = list(all_faults())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_applies_exactly_once_and_names_tests_that_are_there_or_a_reason(fault: Fault) -> None:
    text = (ROOT / fault.path).read_text(encoding="utf-8")

    compile(fault.planted(text), fault.module, "exec")
    assert bool(fault.tests) != bool(fault.no_effect)
    assert all((ROOT / test.partition("::")[0]).exists() for test in fault.tests)


def test_no_fault_is_planted_twice() -> None:
    assert len({(fault.module, fault.statement, fault.replacement) for fault in FAULTS}) == len(FAULTS)
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_a_fault_is_reported_unless_the_tests_that_it_names_notice_it() -> None:
    (noticed,) = (fault for fault in FAULTS if fault.module == "aws/failover/leadership.py")
    unnoticed = replace(noticed, name="by other tests", tests=("tests/unit/iot_dr/aws/failover/test_control.py",))

    assert plant([noticed, unnoticed], jobs=1) == {unnoticed: "no test notices"}


def test_tests_that_fail_without_a_fault_show_nothing() -> None:
    with pytest.raises(TestsFail):
        plant([replace(FAULTS[0], tests=("tests/unit/no_such_test.py",))], jobs=1)
