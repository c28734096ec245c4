"""A name server on loopback that has one CNAME, which a test points elsewhere."""

from __future__ import annotations

from typing import Self

from dnslib import CNAME, QTYPE, RCODE, RR, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer


class NameServer(BaseResolver):
    """Answers for one name; None as the target makes it fail, as a server does that has lost its zone."""

    def __init__(self, name: str, target: str | None) -> None:
        self._name = name
        self.target = target
        self.questions = 0
        self._server = DNSServer(self, address="127.0.0.1", port=0, logger=DNSLogger(log="-request,-reply"))
        self.port: int = self._server.server.server_address[1]

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        self.questions += 1
        reply = request.reply()
        if self.target is None:
            reply.header.rcode = RCODE.SERVFAIL
        elif request.q.qname != self._name:
            reply.header.rcode = RCODE.NXDOMAIN
        elif request.q.qtype == QTYPE.CNAME:
            reply.add_answer(RR(self._name, QTYPE.CNAME, ttl=3, rdata=CNAME(self.target)))
        return reply

    def __enter__(self) -> Self:
        self._server.start_thread()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.stop()
        self._server.server.server_close()
