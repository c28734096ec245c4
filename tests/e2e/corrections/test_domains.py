"""Corrections of the fleet's own name: domain configurations, and the certificates behind them."""

import datetime as dt
import socket
import ssl
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.devices import MqttDevice, Refused
from lab.emulator import PRIMARY_REGION, REGIONS, SECONDARY_REGION
from lab.fleet import Device
from lab.partition import server_certificate
from tests.e2e.corrections.making import Aws, make_device, make_stack, unique

pytestmark = pytest.mark.lab

REFUSED = "EOF|reset|unrecognized"
"""How a device sees that the server broke off the handshake; the server's own word for it need not come through."""


def import_certificate(aws: Aws, name: str, region: str = PRIMARY_REGION, days: int = 90) -> str:
    issued = server_certificate(aws.emulator, name, days=days)
    arn: str = aws.client("acm", region).import_certificate(
        Certificate=issued.certificate_pem.encode(), PrivateKey=issued.key_pem.encode()
    )["CertificateArn"]
    return arn


def configure(aws: Aws, name: str, certificate_arn: str, region: str = PRIMARY_REGION) -> str:
    configuration = unique("domain")
    aws.client("iot", region).create_domain_configuration(
        domainConfigurationName=configuration, domainName=name, serverCertificateArns=[certificate_arn]
    )
    return configuration


def connect(aws: Aws, device: Device, name: str, region: str = PRIMARY_REGION, *, own: bool = False) -> None:
    """Connect by the name to the Region's address, or to its `own` endpoint, publish, and get the message back."""
    topic = f"devices/{device.thing_name}/echo"
    endpoint = aws.client("iot", region).describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    host, _, port = endpoint.partition(":") if own else (aws.emulator.fleet_addresses[region], "", "")
    with MqttDevice(
        f"{name}:{port or aws.emulator.fleet_port}",
        client_id=device.thing_name,
        identity=device.identity,
        ca_file=aws.emulator.ca_file,
        resolve=lambda _: host,
    ) as client:
        client.subscribe(topic)
        client.publish(topic, b"hello")
        assert client.receive() == (topic, b"hello")


def test_a_device_connects_by_the_name_of_a_domain_configuration(corrected: Aws) -> None:
    name, device = f"{unique('fleet')}.test", make_device(corrected)
    configure(corrected, name, import_certificate(corrected, name))
    connect(corrected, device, name)
    # Such a name leads to the Region's own endpoint.
    connect(corrected, device, name, own=True)
    connect(corrected, device, "localhost", own=True)


def test_a_device_registered_after_the_first_handshake_connects_too(corrected: Aws) -> None:
    name = f"{unique('fleet')}.test"
    configure(corrected, name, import_certificate(corrected, name))
    for _ in range(2):
        connect(corrected, make_device(corrected), name)


def test_a_certificate_that_acm_issued_is_served(corrected: Aws) -> None:
    name, device = f"{unique('fleet')}.test", make_device(corrected)
    arn = corrected.client("acm").request_certificate(DomainName=name, ValidationMethod="DNS")["CertificateArn"]
    configure(corrected, name, arn)
    connect(corrected, device, name)


def test_a_name_that_a_stack_configures_is_served(corrected: Aws) -> None:
    name, device = f"{unique('fleet')}.test", make_device(corrected)
    certificate = {"DomainName": name, "ValidationMethod": "DNS"}
    domain = {
        "DomainName": name,
        "ServerCertificateArns": [{"Ref": "Certificate"}],
        "DomainConfigurationStatus": "ENABLED",
    }
    stack = make_stack(
        corrected,
        {
            "Certificate": {"Type": "AWS::CertificateManager::Certificate", "Properties": certificate},
            "Domain": {"Type": "AWS::IoT::DomainConfiguration", "Properties": domain},
        },
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    connect(corrected, device, name)


def test_a_name_is_served_where_it_is_configured_only(corrected: Aws) -> None:
    name, device = f"{unique('fleet')}.test", make_device(corrected, SECONDARY_REGION)
    configure(corrected, name, import_certificate(corrected, name, SECONDARY_REGION), SECONDARY_REGION)
    connect(corrected, device, name, SECONDARY_REGION)
    with pytest.raises(Refused, match=REFUSED):
        connect(corrected, device, name, PRIMARY_REGION)


def test_a_disabled_name_is_refused_until_it_is_enabled_again(corrected: Aws) -> None:
    name, device, iot = f"{unique('fleet')}.test", make_device(corrected), corrected.client("iot")
    configuration = configure(corrected, name, import_certificate(corrected, name))
    iot.update_domain_configuration(domainConfigurationName=configuration, domainConfigurationStatus="DISABLED")
    with pytest.raises(Refused, match=REFUSED):
        connect(corrected, device, name)
    iot.update_domain_configuration(domainConfigurationName=configuration, domainConfigurationStatus="ENABLED")
    connect(corrected, device, name)


def test_the_server_shows_the_certificate_that_acm_has(corrected: Aws) -> None:
    """Whoever puts a certificate for another name behind the fleet's is found out by the devices."""
    name, device = f"{unique('fleet')}.test", make_device(corrected)
    configure(corrected, name, import_certificate(corrected, "another.test"))
    with pytest.raises(Refused, match="certificate"):
        connect(corrected, device, name)


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_is_reached_by_its_own_endpoints_name_too(corrected: Aws, region: str) -> None:
    iot, device = corrected.client("iot", region), make_device(corrected, region)
    own = iot.describe_domain_configuration(domainConfigurationName="iot:Data-ATS")["domainName"]
    connect(corrected, device, own.partition(":")[0], region)


def test_a_client_without_a_certificate_is_refused_by_the_fleets_name_too(corrected: Aws) -> None:
    name = f"{unique('fleet')}.test"
    configure(corrected, name, import_certificate(corrected, name))
    client = MqttDevice(
        f"{name}:{corrected.emulator.fleet_port}",
        client_id="x",
        identity=None,
        ca_file=corrected.emulator.ca_file,
        resolve=lambda _: corrected.emulator.fleet_addresses[PRIMARY_REGION],
    )
    with pytest.raises(Refused):
        client.connect()


def test_the_emulator_serves_a_configured_name_with_the_certificate_of_another(uncorrected: Aws) -> None:
    name = f"{unique('fleet')}.test"
    arn = uncorrected.client("acm").request_certificate(DomainName=name, ValidationMethod="DNS")["CertificateArn"]
    configure(uncorrected, name, arn)
    client = MqttDevice(
        f"{name}:{uncorrected.emulator.uncorrected_mqtt_port}",
        client_id="x",
        identity=make_device(uncorrected).identity,
        ca_file=uncorrected.emulator.ca_file,
        resolve=lambda _: "127.0.0.1",
    )
    with pytest.raises(Refused, match="Hostname mismatch"):
        client.connect()


def test_the_emulator_trusts_no_imported_certificate(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="Must provide validation certificate"):
        configure(uncorrected, "fleet.test", import_certificate(uncorrected, "fleet.test"))


def issued_by_itself(name: str) -> tuple[bytes, bytes]:
    """A server certificate that no authority has signed, and its key; in PEM."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_a_certificate_of_no_trusted_authority_needs_one_to_vouch_for_it(corrected: Aws) -> None:
    certificate, key = issued_by_itself("fleet.test")
    arn = corrected.client("acm").import_certificate(Certificate=certificate, PrivateKey=key)["CertificateArn"]
    with pytest.raises(ClientError, match="Must provide validation certificate"):
        configure(corrected, "fleet.test", arn)


def told_by_acm(aws: Aws) -> tuple[str, list[str], int]:
    """What ACM tells of an imported certificate that holds for 20 days: its name, its names, the days left."""
    arn = import_certificate(aws, "devices.fleet.test", days=20)
    told: dict[str, Any] = aws.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    left = told["NotAfter"] - dt.datetime.now(dt.UTC)
    return told["DomainName"], told["SubjectAlternativeNames"], round(left / dt.timedelta(days=1))


def test_acm_tells_names_and_validity_of_an_imported_certificate(corrected: Aws) -> None:
    assert told_by_acm(corrected) == ("devices.fleet.test", ["devices.fleet.test"], 20)


def test_the_emulator_makes_up_what_it_tells_of_an_imported_certificate(uncorrected: Aws) -> None:
    domain, _, days = told_by_acm(uncorrected)
    assert domain.endswith(".invalid")
    assert days == 365


def test_acm_imports_no_certificate_that_is_none(corrected: Aws) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        corrected.client("acm").import_certificate(Certificate=b"nonsense", PrivateKey=b"nonsense")


def test_the_server_ends_tls_with_the_configured_certificate(corrected: Aws) -> None:
    name = f"{unique('fleet')}.test"
    configure(corrected, name, import_certificate(corrected, name))
    context = ssl.create_default_context(cafile=str(corrected.emulator.ca_file))
    address = (corrected.emulator.fleet_addresses[PRIMARY_REGION], corrected.emulator.fleet_port)
    with socket.create_connection(address) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
        shown: Any = tls.getpeercert()
    assert shown["subjectAltName"] == (("DNS", name),)
