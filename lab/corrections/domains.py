"""A fleet's own name before each Region: domain configurations served by their names, and the certificates behind."""

import contextvars
import socket
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography import x509
from ministack.core import x509_utils
from ministack.core.responses import request_scope
from ministack.services import acm, iot

from . import correction, mqtt, settings
from .patching import replace

# The Region whose names the listener serves that accepted the running task's connection; None at the older listeners.
_named_region: contextvars.ContextVar[str | None] = contextvars.ContextVar("named_region", default=None)


@dataclass(frozen=True)
class Chain:
    """A server certificate, what signed it, and its key; all in PEM."""

    certificate_pem: str
    key_pem: str = field(repr=False)


class _NamedAcceptor(mqtt.Acceptor):
    async def _upgrade(self, transport: Any) -> None:
        _named_region.set(self._region)
        await super()._upgrade(transport)


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/iot-custom-endpoints-configurable-custom.html")
def mqtt_serves_configured_domains() -> None:
    """A device reaches a Region by the name of an ENABLED domain configuration, told by SNI; the emulator knows none.

    An unknown name and one that is DISABLED are refused in the handshake. A device that sends no name meets the
    certificate of the Region's own endpoint. So does the listener of that endpoint, where the Region has such names:
    they lead to it.
    """
    start, context = iot._mtls_start_locked, iot._mtls_context
    sockets = {region: socket.socket(fileno=fd) for region, fd in settings.fleet_sockets().items()}
    named = {region: _Names(region) for region in sockets}

    async def start_locked() -> None:
        running = iot._mtls_server is not None
        await start()
        listeners = mqtt.listeners()
        if running or listeners is None:
            return
        for region, bound in sockets.items():
            await listeners.add(region, bound, _NamedAcceptor)

    async def mtls_context() -> ssl.SSLContext | None:
        region = _named_region.get() or mqtt.listening_region()
        if region is None or (_named_region.get() is None and not named[region].serves):
            return await context()  # type: ignore[no-any-return]  # the emulator has no types
        return named[region].greeting

    replace(start, start_locked)
    replace(context, mtls_context)


class _Names:
    """The names under which a Region is reached, each with its certificate."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._contexts: dict[Chain, _Context] = {}

    @property
    def serves(self) -> bool:
        """Whether the Region has a domain configuration with a name of its own."""
        return any(region == self._region and one["domainName"] for (_, region, _), one in _configurations())

    @property
    def greeting(self) -> ssl.SSLContext:
        """What a handshake begins with; the name that the device sends decides what it goes on with."""
        return self._of(self._own).tls

    @property
    def _own(self) -> Chain:
        return _signed(("localhost", _host(self._endpoint())))

    def _endpoint(self) -> str:
        with request_scope(iot.get_account_id(), self._region):
            address: str = iot._endpoint_address("iot:Data-ATS")
            return address

    def _of(self, chain: Chain) -> "_Context":
        if chain not in self._contexts:
            made = self._contexts[chain] = _Context(chain)
            made.tls.sni_callback = self._on_client_hello
        return self._contexts[chain]

    def _on_client_hello(self, handshake: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        if name:
            iot._mtls_server_names[handshake] = name
        chain = self._chain_of(name.lower().rstrip(".")) if name else self._own
        if chain is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        chosen = self._of(chain)
        chosen.trust_what_is_registered()
        handshake.context = chosen.tls
        return None

    def _chain_of(self, name: str) -> Chain | None:
        """The certificate for a name; None if the Region does not serve it."""
        if name in ("localhost", _host(self._endpoint())):
            return self._own
        for (account, region, _), configured in _configurations():
            served = configured["domainConfigurationStatus"] == "ENABLED" and configured["serviceType"] == "DATA"
            if region == self._region and served and _host(configured["domainName"]) == name:
                with request_scope(account, region):
                    return _certificate_of(configured)
        return None


def _configurations() -> list[tuple[tuple[str, str, str], Any]]:
    return list(iot._domain_configurations._data.items())


def _host(address: str) -> str:
    return address.partition(":")[0].lower().rstrip(".")


def _certificate_of(configured: Mapping[str, Any]) -> Chain | None:
    """The certificate of a domain configuration as ACM has it now; a domain of AWS's own has one of AWS's."""
    arns = [each["serverCertificateArn"] for each in configured["serverCertificates"]]
    if not arns:
        return _signed((_host(configured["domainName"]),))
    held = acm._get_local_certificate(arns[0])
    if held is None:
        return None
    if held["_private_key"]:
        return Chain(held["_pem_body"].rstrip() + "\n" + held["_pem_chain"], held["_private_key"])
    # ACM keeps the key of what it has issued to itself, and the emulator makes none.
    return _signed(tuple(held["SubjectAlternativeNames"]))


@cache
def _signed(names: tuple[str, ...]) -> Chain:
    return issue(names)


def issue(names: tuple[str, ...], days: int = 365) -> Chain:
    """A server certificate of the lab's own authority for these names."""
    authority, authority_key = iot._ensure_ca()
    certificate, key, _ = x509_utils.sign_leaf_certificate(
        authority, authority_key, common_name=names[0], san_dns=list(names), days_valid=days, key_type="ec256"
    )
    return Chain(certificate, key)


class _Context:
    """TLS with one server certificate, as the emulator's own listener speaks it, and always with a client's."""

    def __init__(self, chain: Chain) -> None:
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self.tls.verify_mode = ssl.CERT_REQUIRED
        self.tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a registered certificate is trusted by itself
        with tempfile.NamedTemporaryFile("w", suffix=".pem", encoding="ascii") as file:
            file.write(chain.certificate_pem + chain.key_pem)
            file.flush()
            self.tls.load_cert_chain(file.name)
        self._trusted: set[str] = set()

    def trust_what_is_registered(self) -> None:
        """Trust the authorities and devices that were registered since."""
        for identity, pem in iot._mtls_trust_anchors():
            if identity in self._trusted:
                continue
            self._trusted.add(identity)
            try:
                self.tls.load_verify_locations(cadata=pem)
            except ssl.SSLError as error:
                iot._mtls_logger.warning("certificate %s is none to trust: %s", identity, error)


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_CreateDomainConfiguration.html")
def server_certificate_of_a_trusted_authority() -> None:
    """A server certificate of a trusted authority needs none to vouch for it; the emulator trusts none imported.

    The lab's own authority is the trusted one here.
    """
    find_error = iot._customer_managed_certificate_error

    def customer_managed_certificate_error(payload: Mapping[str, Any]) -> Any:
        error = find_error(payload)
        if not error or payload.get("validationCertificateArn") or not payload.get("domainName"):
            return error
        held = acm._get_local_certificate(payload["serverCertificateArns"][0])
        if held is None or iot._certificate_lacks_server_auth(held):
            return error
        trusted = x509_utils.certificate_is_signed_by(held["_pem_body"], iot.get_ca_cert_pem())
        return None if trusted else error

    replace(find_error, customer_managed_certificate_error)


@correction("https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html")
def imported_certificate_tells_its_names_and_validity() -> None:
    """ACM reads an imported certificate's names and from when until when it holds; the emulator makes them up."""
    imported = acm._import_certificate

    def import_certificate(data: Mapping[str, Any]) -> Any:
        try:
            certificate = x509.load_pem_x509_certificate(acm._decode_pem_field(data.get("Certificate")).encode())
        except ValueError:
            return acm.error_response_json("ValidationException", "The certificate is not valid PEM.", 400)
        answer = imported(data)
        if answer[0] == 200:
            arn = iot._parse_body(answer[2])["CertificateArn"]
            names = list(_names_of(certificate))
            acm._certificates[arn] |= {
                "DomainName": names[0] if names else "",
                "SubjectAlternativeNames": names,
                "NotBefore": certificate.not_valid_before_utc.timestamp(),
                "NotAfter": certificate.not_valid_after_utc.timestamp(),
            }
        return answer

    replace(imported, import_certificate)


def _names_of(certificate: x509.Certificate) -> Iterator[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    yield from names.get_values_for_type(x509.DNSName)
