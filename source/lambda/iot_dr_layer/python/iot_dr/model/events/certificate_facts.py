"""What a device certificate says of its owner, by the names that AWS's provisioning templates have for it.

AWS IoT has checked the certificate before anybody is told of it, so of its DER (X.690) only the path to the subject is
read: the certificate, what is signed of it, and there the sixth field, the fifth where no version is given (RFC 5280).

No library reads it, as long as this is all. As of November 2026, cryptography is 4.7 MB of compiled code for one
processor, in a layer that is plain Python. asn1crypto has had no release since 2022, and importing it takes 0.12 s.
pyasn1 takes 83 KB and 0.03 s, and what it decodes without a schema is the tree that is walked here. The tests hold this
to what cryptography writes.

Names of parameters: https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from iot_dr.errors import InvalidResource
from iot_dr.model.registry.entities import Certificate

PREFIX = "AWS::IoT::Certificate::"
ID = f"{PREFIX}Id"
"""Every template refers to it, declared or not."""

_OF_SUBJECT: Mapping[bytes, str] = MappingProxyType(
    {
        bytes.fromhex("550403"): f"{PREFIX}CommonName",
        bytes.fromhex("550405"): f"{PREFIX}SerialNumber",
        bytes.fromhex("550406"): f"{PREFIX}Country",
        bytes.fromhex("550408"): f"{PREFIX}StateName",
        bytes.fromhex("55040a"): f"{PREFIX}Organization",
        bytes.fromhex("55040b"): f"{PREFIX}OrganizationalUnit",
        bytes.fromhex("55042e"): f"{PREFIX}DistinguishedNameQualifier",
    }
)
"""Attributes of a subject, by their object identifiers, 2.5.4.3 and so on, as DER has them."""

_SEQUENCE, _SET, _OBJECT_IDENTIFIER, _VERSION = 0x30, 0x31, 0x06, 0xA0
_UTF16 = 0x1E
"""The tag of BMPString; every other kind of text is read as UTF-8, which ASCII is a part of."""

_SUBJECT_AT = 4
"""Before it stand serial number, algorithm, issuer and validity."""


def certificate_facts(certificate: Certificate) -> Mapping[str, str]:
    """Return what a certificate says, under the names of AWS's parameters.

    Raises:
        InvalidResource: its PEM is none.
    """
    return {ID: certificate.certificate_id, **_subject(certificate.pem)}


def _subject(pem: str) -> Mapping[str, str]:
    try:
        der = ssl.PEM_cert_to_DER_cert(pem.strip())
        (certificate,) = _expected(_SEQUENCE, der)
        fields = list(_fields(next(_expected(_SEQUENCE, certificate))))
        if fields[0][0] == _VERSION:
            del fields[0]
        return dict(_attributes(fields[_SUBJECT_AT][1]))
    except (ValueError, IndexError, StopIteration) as error:
        raise InvalidResource(f"a certificate cannot be read: {type(error).__name__} {error}") from error


def _attributes(subject: bytes) -> Iterator[tuple[str, str]]:
    for relative_name in _expected(_SET, subject):
        for attribute in _expected(_SEQUENCE, relative_name):
            (tag, identifier), (kind, value) = _fields(attribute)
            name = _OF_SUBJECT.get(identifier) if tag == _OBJECT_IDENTIFIER else None
            if name:
                yield name, value.decode("utf-16-be" if kind == _UTF16 else "utf-8")


def _expected(tag: int, data: bytes) -> Iterator[bytes]:
    """Yield the contents of the values in it, all of one kind."""
    for found, content in _fields(data):
        if found != tag:
            raise ValueError(f"tag {found:#x} where {tag:#x} is expected")
        yield content


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each value."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(data[at : at + octets], "big"), at + octets
        if at + length > len(data):
            raise ValueError("a value that is longer than what holds it")
        yield tag, data[at : at + length]
        at += length
