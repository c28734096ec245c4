from __future__ import annotations

import hashlib
import ssl

from iot_dr.aws.devices.device_keys import new_credentials
from iot_dr.aws.devices.mqtt import tls_context
from iot_dr.model.registry.keys import RESERVED_PREFIX


def test_key_and_certificate_belong_together_and_serve_for_mutual_tls() -> None:
    held = new_credentials("trial-0001")

    # OpenSSL refuses a key that is not the certificate's.
    assert isinstance(tls_context(held), ssl.SSLContext)


def test_the_id_is_the_one_that_aws_derives_from_the_certificate() -> None:
    held = new_credentials("trial-0001")

    assert held.certificate_id == hashlib.sha256(ssl.PEM_cert_to_DER_cert(held.certificate_pem)).hexdigest()


def test_every_device_has_a_key_of_its_own_that_no_repr_shows() -> None:
    one, other = new_credentials("trial-0001"), new_credentials("trial-0001")

    assert one.private_key != other.private_key
    assert one.certificate_id != other.certificate_id
    assert "PRIVATE KEY" not in repr(one)


def test_the_longest_name_of_a_thing_is_admitted() -> None:
    assert new_credentials("x" * 128).thing_name == "x" * 128
    assert not new_credentials("trial").thing_name.startswith(RESERVED_PREFIX)
