"""Each name server is asked for itself."""

from __future__ import annotations

import pytest

from iot_dr.errors import NotReadyYet
from iot_dr.model.failover.names import NameAnswer
from iot_dr.model.status.status_parts import Unread
from iot_dr.services.failover.naming import ask_all
from tests.builders import PRIMARY
from tests.failover_fakes import ENDPOINTS, FLEET, SILENT, ScriptedNameServers


def test_a_server_that_is_silent_keeps_no_other_from_being_asked() -> None:
    servers = ScriptedNameServers({"ns-1": SILENT, "ns-2": ENDPOINTS[PRIMARY]})

    assert ask_all(servers, FLEET).by_server == {
        "ns-1": Unread("the name server does not answer"),
        "ns-2": NameAnswer(ENDPOINTS[PRIMARY], 30),
    }


def test_servers_that_nobody_knows_cannot_be_asked() -> None:
    with pytest.raises(NotReadyYet):
        ask_all(ScriptedNameServers(unknown=NotReadyYet("no name server is known")), FLEET)
