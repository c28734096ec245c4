"""The one converter from the SDK's faults to the taxonomy of `iot_dr.errors`.

Codes: https://docs.aws.amazon.com/iot/latest/apireference/CommonErrors.html and the Errors section of each API.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from iot_dr import errors

_THROTTLED = frozenset(
    {
        "LimitExceededRate",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_CONFLICT = frozenset(
    {
        "CertificateStateException",
        "ConditionalCheckFailedException",
        "ConflictException",
        "ConflictingResourceUpdateException",
        "DeleteConflictException",
        "ResourceAlreadyExistsException",
        "TransactionCanceledException",
        "TransactionConflictException",
        "VersionConflictException",
        "VersionsLimitExceededException",
    }
)
_DENIED = frozenset(
    {
        "403",  # all that S3 tells in answer to a HEAD
        "AccessDenied",
        "AccessDeniedException",
        "ForbiddenException",
        "NotAuthorized",
        "UnauthorizedException",
    }
)
_INVALID = frozenset(
    {
        "CertificateConflictException",
        "CertificateValidationException",
        "InvalidParameterException",
        "InvalidParameterValueException",
        "InvalidQueryException",
        "InvalidRequestException",
        "MalformedPolicyException",
        "ValidationError",
        "ValidationException",
    }
)
_CLASSES: tuple[tuple[frozenset[str], type[errors.IotDrError]], ...] = (
    (_THROTTLED, errors.Throttled),
    (_CONFLICT, errors.Conflict),
    (_DENIED, errors.AccessDenied),
    (_INVALID, errors.InvalidResource),
    (frozenset({"LimitExceededException", "RequestEntityTooLargeException"}), errors.LimitExceeded),
    # A write that names something missing can succeed once that something is there; an index is built at some time.
    (frozenset({"IndexNotReadyException", "ResourceNotFoundException"}), errors.NotReadyYet),
)
_CAUSES: Mapping[str, str] = MappingProxyType(
    {
        "DeleteConflictException": (
            "; something is still attached to it in this Region, perhaps by hand: detach that, and it goes by itself"
        )
    }
)
"""What AWS does not say, and what mends it."""

_SIGN_IN = "sign in again with `aws sso login` or `aws login`, or give other credentials by `aws configure`"
_CERTIFICATES = re.compile(r"certificate|\[Errno (2|13|21)\]", re.IGNORECASE)
"""What an error of TLS has in its text if no trusted certificate, or no file of them, was found: not a lost line."""

_CA_BUNDLE = (
    "see that AWS_CA_BUNDLE, or ca_bundle of the profile, names a file with the certificates that sign this network's "
    "connections, or leave it unset"
)
_REFUSED_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""AWS's codes for credentials that are none, or are none any more: no right is missing."""

_MENDS: Mapping[type[BotoCoreError], str] = MappingProxyType(
    {
        exceptions.InvalidRegionError: "{} Name a Region as AWS does, for example us-east-1.",
        exceptions.NoCredentialsError: (
            "no AWS credentials found; run `aws configure`, export AWS_PROFILE, or open AWS CloudShell"
        ),
        exceptions.NoRegionError: "no Region given; name it, or export AWS_REGION",
        exceptions.ProfileNotFound: "{}; `aws configure list-profiles` names those that there are",
        exceptions.SSOError: f"{{}}; {_SIGN_IN}",
        # The SDK of Lambda's runtime may be older than this class.
        getattr(exceptions, "LoginError", exceptions.SSOError): f"{{}}; {_SIGN_IN}",
        exceptions.TokenRetrievalError: f"{{}}; {_SIGN_IN}",
        exceptions.CredentialRetrievalError: f"{{}}; {_SIGN_IN}",
        exceptions.PartialCredentialsError: "{}; see what `aws configure list` shows",
        exceptions.InvalidConfigError: "{} See what `aws configure list` shows.",
        exceptions.ConfigParseError: "{}; correct the file, or name another by AWS_CONFIG_FILE",
    }
)
"""What is wrong with the set-up and not with AWS, subclasses included; {} stands for the SDK's own words."""


def code_of(error: ClientError) -> str:
    """Return AWS's error code, for example `ResourceNotFoundException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_missing(error: ClientError) -> bool:
    """Tell whether AWS answered, positively, that the resource does not exist."""
    return code_of(error) in {"ResourceNotFoundException", "NoSuchKey", "NoSuchBucket", "404"}


def convert(error: ClientError | BotoCoreError) -> errors.IotDrError:
    """Return the product's error for an SDK fault, most specific first; the message keeps AWS's own words."""
    if isinstance(error, ClientError):
        return _convert_answer(error)
    for kind, mend in _MENDS.items():
        if isinstance(error, kind):
            words = str(error).rstrip(".") if mend.startswith("{};") else str(error)
            return errors.ConfigurationError(mend.format(words))
    if isinstance(error, exceptions.SSLError) and _CERTIFICATES.search(str(error)):
        return errors.ConfigurationError(f"{error}; {_CA_BUNDLE}")
    if isinstance(error, HTTPClientError | BotoConnectionError):
        return errors.RegionUnavailable(str(error))
    return errors.TerminalError(str(error))


def _convert_answer(error: ClientError) -> errors.IotDrError:
    code, message = code_of(error), str(error)
    if code in _REFUSED_CREDENTIALS:
        return errors.AccessDenied(f"AWS refused the credentials ({message}); {_SIGN_IN}")
    for codes, kind in _CLASSES:
        if code in codes:
            return kind(f"{message}{_CAUSES.get(code, '')}")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)
    if status == 429:
        return errors.Throttled(message)
    if status >= 500 or code.startswith(("Internal", "ServiceUnavailable", "ServiceFailure")):
        return errors.RegionUnavailable(message)
    return errors.TerminalError(message)


@contextmanager
def converted() -> Iterator[None]:
    """Turn SDK faults raised inside into `iot_dr.errors`, chained to their cause."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise convert(error) from error


def call(operation: Callable[..., Any], **parameters: Any) -> dict[str, Any]:
    """Call one operation of a client with its faults converted."""
    with converted():
        answer: dict[str, Any] = operation(**parameters)
        return answer


def read(operation: Callable[..., Any], **parameters: Any) -> dict[str, Any] | None:
    """Call a reading operation; None only when AWS answered that the resource does not exist."""
    try:
        answer: dict[str, Any] = operation(**parameters)
    except ClientError as error:
        if is_missing(error):
            return None
        raise convert(error) from error
    except BotoCoreError as error:
        raise convert(error) from error
    return answer
