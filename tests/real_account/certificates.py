"""What is believed of certificates that two Regions have."""

from __future__ import annotations

from functools import partial

from botocore.exceptions import ClientError

from lab.fleet import Identity, make_identity
from tests.real_account.account import Account, refusal
from tests.real_account.doubts import Doubt, Finding, confirmed, found, refuted, unknown
from tests.real_account.made import Kind, Made

TRIES = 5


def crosses(account: Account) -> Finding:
    """Have AWS issue a certificate in one Region, and register it in the other one."""
    issued = account.iot(account.primary).create_keys_and_certificate(setAsActive=True)
    for region in (account.primary, account.secondary):
        account.journal.note(Made(Kind.CERTIFICATE, region, issued["certificateId"]))
    try:
        there = account.iot(account.secondary).register_certificate_without_ca(
            certificatePem=issued["certificatePem"], status="ACTIVE"
        )["certificateId"]
    except ClientError as error:
        return refuted(f"the second Region refuses it: {error}")
    computed = Identity(issued["certificatePem"], "").certificate_id
    same = issued["certificateId"] == there == computed
    ids = {"issued": issued["certificateId"], "registered": there, "computed": computed}
    return found(same, ", ".join(f"{one[:8]}... {name}" for name, one in ids.items()))


def registers_revoked(account: Account) -> Finding:
    """Register a certificate as REVOKED."""
    identity = make_identity(account.run)
    try:
        account.certificate(account.secondary, identity, status="REVOKED")
    except ClientError as error:
        return refuted(str(error))
    status = _described(account, identity)["status"]
    return found(status == "REVOKED", f"its status is {status}")


def says_what_is_there(account: Account) -> Finding:
    """Register the same certificate twice."""
    identity = make_identity(account.run)
    account.certificate(account.secondary, identity)
    try:
        account.certificate(account.secondary, identity)
    except ClientError as error:
        named = str(error.response.get("resourceId", ""))
        seen = f"{error.response['Error']['Code']}, resourceId {named[:8] or 'none'}"
        return found(seen.startswith("ResourceAlreadyExists") and named == identity.certificate_id, seen)
    return refuted("it is taken a second time")


def wants_sni(account: Account) -> Finding:
    """Register a certificate without a CA and ask for its mode."""
    identity = make_identity(account.run)
    account.certificate(account.secondary, identity)
    mode = _described(account, identity).get("certificateMode", "not told")
    return found(mode == "SNI_ONLY", f"certificateMode is {mode}")


def deletes_late(account: Account) -> Finding:
    """Delete certificates right after they became INACTIVE."""
    iot, codes = account.iot(account.secondary), list[str]()
    for _ in range(TRIES):
        identity = make_identity(account.run)
        account.certificate(account.secondary, identity)
        iot.update_certificate(certificateId=identity.certificate_id, newStatus="INACTIVE")
        codes.append(refusal(partial(iot.delete_certificate, certificateId=identity.certificate_id)))
    if refused := [code for code in codes if code]:
        return confirmed(f"{len(refused)} of {TRIES} refused: {', '.join(sorted(set(refused)))}")
    return unknown(f"{TRIES} of {TRIES} were deleted at once")


def is_exclusive(account: Account) -> Finding:
    """Attach a certificate to a thing exclusively, then to another one, and again with another type."""
    iot, certificate = account.iot(account.primary), account.certificate(account.primary)
    first, second = account.thing(account.primary), account.thing(account.primary)
    iot.attach_thing_principal(thingName=first, principal=certificate, thingPrincipalType="EXCLUSIVE_THING")
    other = refusal(lambda: iot.attach_thing_principal(thingName=second, principal=certificate))
    again = refusal(
        lambda: iot.attach_thing_principal(
            thingName=first, principal=certificate, thingPrincipalType="NON_EXCLUSIVE_THING"
        )
    )
    seen = f"a second thing: {other or 'accepted'}; the other type: {again or 'accepted'}"
    return found(other == again == "InvalidRequestException", seen)


def _described(account: Account, identity: Identity) -> dict[str, str]:
    answer = account.iot(account.secondary).describe_certificate(certificateId=identity.certificate_id)
    return dict(answer["certificateDescription"])


DOUBTS = (
    Doubt(
        "certificate-crosses",
        "A certificate that AWS issued in one Region is registered in another one of the same account, under the same"
        " ID: the SHA-256 of the certificate.",
        "CreateKeysAndCertificate in the primary, RegisterCertificateWithoutCA of its PEM in the secondary",
        "No device with such a certificate could be replicated, and the product had no use for it.",
        crosses,
        12,
    ),
    Doubt(
        "certificate-registers-revoked",
        "RegisterCertificateWithoutCA takes the status REVOKED.",
        "RegisterCertificateWithoutCA with `status=REVOKED`, DescribeCertificate",
        "A revoked certificate fails to cross and says so; a device cannot use it in the secondary.",
        registers_revoked,
        10,
    ),
    Doubt(
        "certificate-is-there-already",
        "A second registration is refused with ResourceAlreadyExistsException, which names the certificate.",
        "RegisterCertificateWithoutCA twice; read `resourceId` of the error",
        "A check that is repeated fails once and is tried again.",
        says_what_is_there,
        10,
    ),
    Doubt(
        "certificate-wants-sni",
        "A certificate that was registered without a CA has the mode SNI_ONLY.",
        "RegisterCertificateWithoutCA, DescribeCertificate; read `certificateMode`",
        "Then devices without SNI can connect in the secondary too.",
        wants_sni,
        10,
    ),
    Doubt(
        "certificate-is-deleted-late",
        "DeleteCertificate right after UpdateCertificate may be refused for a moment.",
        f"UpdateCertificate to INACTIVE, DeleteCertificate at once, {TRIES} times",
        "Nothing: it is repeated either way.",
        deletes_late,
        45,
    ),
    Doubt(
        "certificate-is-exclusive",
        "A second thing for an exclusive certificate, and the other type for the same thing, are refused with"
        " InvalidRequestException.",
        "AttachThingPrincipal with EXCLUSIVE_THING, then to another thing, then with NON_EXCLUSIVE_THING",
        "The relation is `failed` under another name of AWS's, or AWS changes the type by itself.",
        is_exclusive,
        20,
    ),
)
