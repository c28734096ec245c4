"""What a certificate says is read as the library reads it that made the certificate."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from iot_dr.errors import InvalidResource
from iot_dr.model.events.certificate_facts import ID, PREFIX, certificate_facts
from iot_dr.model.registry.entities import Certificate, CertificateStatus

KEY = ec.generate_private_key(ec.SECP256R1())
NAMES = {
    NameOID.COMMON_NAME: "CommonName",
    NameOID.STATE_OR_PROVINCE_NAME: "StateName",
    NameOID.ORGANIZATION_NAME: "Organization",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OrganizationalUnit",
}
texts = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


def a_certificate(*attributes: x509.NameAttribute) -> Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(attributes))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the authority")]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
    )
    pem = builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    return Certificate("abc", CertificateStatus.PENDING_ACTIVATION, pem)


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from(sorted(NAMES, key=str)), texts))
def test_the_subject_is_read_as_it_was_written(subject: dict[ObjectIdentifier, str]) -> None:
    facts = certificate_facts(a_certificate(*(x509.NameAttribute(oid, text) for oid, text in subject.items())))

    assert facts == {ID: "abc", **{f"{PREFIX}{NAMES[oid]}": text for oid, text in subject.items()}}


def test_a_country_is_read_and_what_templates_have_no_name_for_is_left_out() -> None:
    told = {NameOID.COUNTRY_NAME: "DE", NameOID.SERIAL_NUMBER: "17", NameOID.DN_QUALIFIER: "q"}
    locality = x509.NameAttribute(NameOID.LOCALITY_NAME, "Berlin")

    facts = certificate_facts(a_certificate(locality, *(x509.NameAttribute(oid, text) for oid, text in told.items())))

    names = {"Country": "DE", "SerialNumber": "17", "DistinguishedNameQualifier": "q", "Id": "abc"}
    assert facts == {f"{PREFIX}{name}": text for name, text in names.items()}


def test_text_of_two_octets_a_character_is_read_too() -> None:
    facts = certificate_facts(a_certificate(x509.NameAttribute(NameOID.COMMON_NAME, "Pümpe", _ASN1Type.BMPString)))

    assert facts[f"{PREFIX}CommonName"] == "Pümpe"


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "none",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_certificate_is_an_error(pem: str) -> None:
    with pytest.raises(InvalidResource, match="cannot be read"):
        certificate_facts(Certificate("abc", CertificateStatus.ACTIVE, pem))
