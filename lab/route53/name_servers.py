"""DNS on loopback: UDP and TCP on one free port, and the name servers of the zones on top of it."""

import errno
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from dnslib import QTYPE, RCODE, RR, DNSError, DNSRecord
from dnslib.server import DNSLogger, DNSServer

from lab.route53.zones import Record, Reply, View, answer

ADDRESS = "127.0.0.1"

_TRIES = 20
_POLL_SECONDS = 0.05
"""How soon a server notices that it is to end."""

Respond = Callable[[str, str], Reply | None]
"""Answers a question for a name and a type of record; None for silence."""


class DnsListener:
    """Answers DNS questions on a free port of this machine, over UDP and TCP, on threads of its own."""

    def __init__(self, respond: Respond, *, authoritative: bool = True) -> None:
        self._respond = respond
        self._authoritative = authoritative
        self._servers = self._bind()
        self.port: int = self._servers[0].server.server_address[1]
        self._threads: list[threading.Thread] = []

    @property
    def host_port(self) -> str:
        """The address as text."""
        return f"{ADDRESS}:{self.port}"

    def start(self) -> None:
        """Begin to answer; what was asked since the port was bound is answered too."""
        for one in self._servers:
            thread = threading.Thread(target=one.server.serve_forever, args=(_POLL_SECONDS,), name="dns", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Close both sockets; safe to call twice."""
        for one, thread in zip(self._servers, self._threads, strict=False):
            one.server.shutdown()
            thread.join()
        self._threads.clear()
        for one in self._servers:
            one.server.server_close()

    def resolve(self, request: DNSRecord, _handler: object) -> DNSRecord:
        """Answer a request; the library's name for it."""
        reply = request.reply(ra=not self._authoritative, aa=self._authoritative)
        told = self._respond(str(request.q.qname), QTYPE.get(request.q.qtype))
        if told is None:
            raise DNSError("silent")  # the library takes this for a broken request, and answers nothing
        reply.header.rcode = getattr(RCODE, told.rcode)
        reply.add_answer(*map(_resource_record, told.answers))
        reply.add_auth(*map(_resource_record, told.authority))
        return reply

    def _bind(self) -> tuple[DNSServer, DNSServer]:
        """UDP and TCP on the same free port: one free for UDP may be taken for TCP."""
        for _ in range(_TRIES):
            udp = self._server(0, tcp=False)
            try:
                return udp, self._server(udp.server.server_address[1], tcp=True)
            except OSError as error:
                udp.server.server_close()
                if error.errno != errno.EADDRINUSE:
                    raise
        raise OSError(errno.EADDRINUSE, "no port is free for both UDP and TCP")

    def _server(self, port: int, *, tcp: bool) -> DNSServer:
        return DNSServer(self, address=ADDRESS, port=port, tcp=tcp, logger=DNSLogger("-request,-reply,-error"))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class NameServer:
    """One authoritative name server of the zones.

    `silent` lets questions go unanswered. `freeze` keeps what is known now, as a name server that a change has not
    reached yet.
    """

    def __init__(self, view: Callable[[], View]) -> None:
        self.silent = False
        self._view = view
        self._frozen: View | None = None
        self.listener = DnsListener(self._answer)

    @property
    def port(self) -> int:
        """The port, of UDP and of TCP."""
        return self.listener.port

    def freeze(self) -> None:
        """Learn nothing more."""
        self._frozen = self._view()

    def thaw(self) -> None:
        """Know what the others know."""
        self._frozen = None

    def _answer(self, name: str, kind: str) -> Reply | None:
        return None if self.silent else answer(name, kind, self._frozen or self._view())


def _resource_record(record: Record) -> RR:
    (made,) = RR.fromZone(f"{record.name} {record.ttl} IN {record.type} {record.value}")
    return made


def ask(name: str, kind: str, server: tuple[str, int], *, seconds: float = 2.0, tcp: bool = False) -> Reply:
    """What a name server answers; TimeoutError if nothing comes, OSError if it is not there."""
    packet = DNSRecord.question(name, kind).send(*server, tcp=tcp, timeout=seconds)
    reply = DNSRecord.parse(packet)
    return Reply(RCODE.get(reply.header.rcode), _records(reply.rr), _records(reply.auth))


def _records(told: Sequence[RR]) -> tuple[Record, ...]:
    return tuple(Record(str(one.rname).lower(), QTYPE.get(one.rtype), one.ttl, str(one.rdata)) for one in told)
