"""Keys and certificates as a device has them."""

import hashlib
import json
import ssl

from lab.devices import tls_context
from lab.fleet import device_policy, make_identity


def test_the_certificate_id_is_the_sha_256_of_the_der_form() -> None:
    identity = make_identity("pump")
    der = ssl.PEM_cert_to_DER_cert(identity.certificate_pem)
    assert identity.certificate_id == hashlib.sha256(der).hexdigest()


def test_no_two_devices_share_a_key() -> None:
    assert make_identity("pump").key_pem != make_identity("pump").key_pem


def test_the_private_key_stays_out_of_messages() -> None:
    assert "PRIVATE KEY" not in repr(make_identity("pump"))


def test_key_and_certificate_belong_together() -> None:
    tls_context(make_identity("pump"))  # OpenSSL refuses a pair that does not match


def test_every_resource_of_the_policy_is_in_the_devices_region() -> None:
    statements = json.loads(device_policy("us-east-1", "000000000000"))["Statement"]
    resources = [
        entry
        for each in statements
        for entry in ([each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"])
    ]
    assert all(resource.startswith("arn:aws:iot:us-east-1:000000000000:") for resource in resources)
