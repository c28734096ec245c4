"""A TLS server that speaks as much MQTT as one round trip needs, and misbehaves where a test says so."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT = 1, 3, 8, 14


def make_certificate(name: str) -> tuple[str, str]:
    """A self-signed certificate for a host name or a device, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), key_pem.decode()


@dataclass
class ScriptedBroker:
    """What the broker does at each step; None as an answer means that it closes the connection there."""

    connack: int | None = 0
    suback: int | None = 1
    payload: bytes | None = None
    silent_at: int = 0
    client_ids: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    goodbyes: int = 0
    port: int = 0

    def answer(self, kind: int, body: bytes) -> bytes | None:
        """Return what to send for a packet; None to close."""
        if kind == self.silent_at:
            return b""
        match kind:
            case _ if kind == CONNECT:
                self.client_ids.append(body[12:].decode())
                return None if self.connack is None else bytes([0x20, 2, 0, self.connack])
            case _ if kind == SUBSCRIBE:
                self.topics.append(body[4:-1].decode())
                return None if self.suback is None else b"\x90\x03" + body[:2] + bytes([self.suback])
            case _ if kind == PUBLISH:
                return self._echo(body)
        self.goodbyes += kind == DISCONNECT
        return None if kind == DISCONNECT else b""

    def _echo(self, body: bytes) -> bytes:
        end = 2 + int.from_bytes(body[:2])
        topic, mid, payload = body[:end], body[end : end + 2], body[end + 2 :]
        message = topic + (payload if self.payload is None else self.payload)
        return b"\x40\x02" + mid + bytes([0x30, len(message)]) + message

    def serve(self, connection: ssl.SSLSocket) -> None:
        """Answer packets until one is to be answered by closing; those of the tests are shorter than 128 bytes."""
        while header := connection.recv(2):
            body = connection.recv(header[1]) if header[1] else b""
            answer = self.answer(header[0] >> 4, body)
            if answer is None:
                return
            connection.sendall(answer)


@contextmanager
def listening(broker: ScriptedBroker, device_certificate: str, folder: Path, name: str = "localhost") -> Iterator[Path]:
    """Serve on a free port in a thread, as this name; yields the file of the authority that a client must trust."""
    certificate, key = make_certificate(name)
    chain = folder / "broker.pem"
    chain.write_text(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=device_certificate)
    context.sni_callback = lambda _socket, name, _context: broker.server_names.append(name)
    listener = socket.create_server(("127.0.0.1", 0))
    broker.port = listener.getsockname()[1]

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            plain.settimeout(5)
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    broker.serve(connection)
            except OSError:
                plain.close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    authority = folder / "authority.pem"
    authority.write_text(certificate)
    try:
        yield authority
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(6)
