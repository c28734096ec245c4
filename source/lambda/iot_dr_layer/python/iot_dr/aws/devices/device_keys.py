"""Makes a device's private key and a certificate for it; the key is in this process's memory and nowhere else."""

from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from iot_dr.model.launch.probes import ProbeCredentials

VALID = dt.timedelta(days=1)
"""How long the certificate holds: longer than any run, and not much more, should one be left behind."""

_SKEW = dt.timedelta(minutes=5)


def new_credentials(thing_name: str) -> ProbeCredentials:
    """Make a key (P-256) with a self-signed certificate, which AWS IoT registers without a CA.

    Its ID is the SHA-256 of the certificate, so it is known before it is registered.
    https://docs.aws.amazon.com/iot/latest/developerguide/x509-client-certs.html
    """
    key = ec.generate_private_key(ec.SECP256R1())
    # A common name has 64 characters at most: https://www.rfc-editor.org/rfc/rfc5280#appendix-A.1
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, thing_name[:64])])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ProbeCredentials(
        thing_name,
        certificate.fingerprint(hashes.SHA256()).hex(),
        certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        private_key.decode("ascii"),
    )
