"""Asks each name server of the fleet's zone directly."""

from __future__ import annotations

from iot_dr.errors import IotDrError
from iot_dr.model.failover.names import NameAnswer, NameAnswers
from iot_dr.model.status.checks import error_line
from iot_dr.model.status.status_parts import Unread
from iot_dr.ports.failover import NameServers
from iot_dr.services.concurrency import Together, one_by_one


def ask_all(servers: NameServers, name: str, together: Together = one_by_one) -> NameAnswers:
    """Ask each server of a name.

    Raises:
        RetryableError: nobody says which servers there are.
    """
    listed = servers.servers(name)

    def asked(server: str) -> NameAnswer | Unread:
        try:
            return servers.answer(server, name)
        except IotDrError as error:
            return Unread(error_line(error))

    return NameAnswers(dict(zip(listed, together(asked, listed), strict=True)))
