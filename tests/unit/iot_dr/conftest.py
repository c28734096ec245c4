"""What tests of several rings share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.account import Account, served


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Return an account that the SDK finds; a module that needs another one has a fixture of the same name."""
    with served(Account(), monkeypatch) as found:
        yield found
