"""Finds the certificates that were registered for a trial, by their subject: nothing else of them tells.

https://docs.aws.amazon.com/iot/latest/apireference/API_ListCertificates.html
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from iot_dr.aws.errors import converted, read
from iot_dr.aws.registry.reader import PAGE_SIZE

REQUIRED_ACTIONS = frozenset({"iot:DescribeCertificate", "iot:ListCertificates"})


def certificates_of(client: Any, name: str, since: datetime) -> Iterator[str]:
    """Yield the IDs of certificates made since then whose common name begins with a trial's; others are not read."""
    for certificate_id in _made(client, since):
        answer = read(client.describe_certificate, certificateId=certificate_id)
        if answer and _common_name(answer["certificateDescription"]["certificatePem"]).startswith(name):
            yield certificate_id


def _made(client: Any, since: datetime) -> Iterator[str]:
    # In what order they come is documented for the ascending one alone, so the list is read to its end.
    pages = client.get_paginator("list_certificates").paginate(PaginationConfig={"PageSize": PAGE_SIZE})
    with converted():
        for page in pages:
            for one in page["certificates"]:
                if one["creationDate"] >= since:
                    yield str(one["certificateId"])


def _common_name(pem: str) -> str:
    try:
        names = x509.load_pem_x509_certificate(pem.encode()).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        # What this machine cannot read was not made by it.
        return ""
    return str(names[0].value) if names else ""
