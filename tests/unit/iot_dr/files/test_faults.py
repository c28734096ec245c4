"""What an operator is told of what the system refused."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from iot_dr.files.faults import failure_of


def test_a_socket_is_not_told_as_standard_output() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    assert str(failure_of(refused)) == "Connection refused"


def test_what_has_a_file_is_told_by_its_name() -> None:
    denied = PermissionError(errno.EACCES, "Permission denied", "fleet/report.html")

    assert str(failure_of(denied)) == "fleet/report.html: Permission denied"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_without_a_file_is_that_of_standard_output(number: int) -> None:
    assert str(failure_of(OSError(number, "no space"))).startswith("the disk of standard output is full")


def test_an_error_that_says_no_more_is_told_in_its_own_words() -> None:
    assert str(failure_of(OSError("cannot read from timed out object"))) == "cannot read from timed out object"


def test_a_database_is_not_told_as_standard_output() -> None:
    locked = sqlite3.OperationalError("database is locked")

    told = "the state folder cannot be used: database is locked; give another folder by --state"
    assert str(failure_of(locked)) == told
