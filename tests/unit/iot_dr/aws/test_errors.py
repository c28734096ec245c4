"""The one converter: from what the SDK raises to what the product decides by."""

import re
from collections.abc import Callable

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidConfigError,
    InvalidRegionError,
    LoginTokenLoadError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSLError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from iot_dr import errors
from iot_dr.aws.errors import call, code_of, convert, converted, is_missing, read

URL = "https://iot.us-east-1.amazonaws.com/"


def a_fault(code: str = "ResourceNotFoundException", status: int = 400, message: str = "no such thing") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "DescribeThing"
    )


def raising(error: Exception) -> Callable[..., None]:
    def operation(**_parameters: object) -> None:
        raise error

    return operation


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException", errors.Throttled),
        ("TooManyRequestsException", errors.Throttled),
        ("ProvisionedThroughputExceededException", errors.Throttled),
        ("VersionConflictException", errors.Conflict),
        ("ResourceAlreadyExistsException", errors.Conflict),
        ("DeleteConflictException", errors.Conflict),
        ("CertificateStateException", errors.Conflict),
        ("VersionsLimitExceededException", errors.Conflict),
        ("ConditionalCheckFailedException", errors.Conflict),
        ("AccessDeniedException", errors.AccessDenied),
        ("UnauthorizedException", errors.AccessDenied),
        ("ExpiredTokenException", errors.AccessDenied),
        ("InvalidRequestException", errors.InvalidResource),
        ("InvalidQueryException", errors.InvalidResource),
        ("IndexNotReadyException", errors.NotReadyYet),
        ("MalformedPolicyException", errors.InvalidResource),
        ("CertificateValidationException", errors.InvalidResource),
        ("LimitExceededException", errors.LimitExceeded),
        ("RequestEntityTooLargeException", errors.LimitExceeded),
        ("ResourceNotFoundException", errors.NotReadyYet),
        ("SomethingNewException", errors.TerminalError),
    ],
)
def test_each_code_has_its_class_and_keeps_awss_words(code: str, kind: type[errors.IotDrError]) -> None:
    error = convert(a_fault(code))

    assert type(error) is kind
    assert "no such thing" in str(error)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_any_fault_of_the_server_is_a_region_that_is_not_available(status: int) -> None:
    assert type(convert(a_fault("SomethingNewException", status))) is errors.RegionUnavailable


@pytest.mark.parametrize("code", ["InternalFailureException", "InternalServerError", "ServiceUnavailableException"])
def test_a_fault_that_names_the_server_is_one_whatever_its_status(code: str) -> None:
    assert type(convert(a_fault(code, 400))) is errors.RegionUnavailable


def test_too_many_requests_is_throttling_whatever_its_code() -> None:
    assert type(convert(a_fault("SomethingNewException", 429))) is errors.Throttled


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        SSLError(endpoint_url=URL, error="EOF occurred in violation of protocol"),
    ],
)
def test_a_region_that_cannot_be_reached_is_not_available(error: BotoCoreError) -> None:
    assert type(convert(error)) is errors.RegionUnavailable


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (NoCredentialsError(), "AWS_PROFILE"),
        (NoRegionError(), "AWS_REGION"),
        (InvalidRegionError(region_name="us east"), "'us east' .* for example us-east-1"),
        (ProfileNotFound(profile="ops"), "(ops).* `aws configure list-profiles`"),
        (SSOTokenLoadError(error_msg="Token for s does not exist"), "Token for s does not exist; sign in again with"),
        (UnauthorizedSSOTokenError(), "SSO session .* has expired .*; sign in again with `aws sso login`"),
        (TokenRetrievalError(provider="sso", error_msg="Token has expired"), "expired; sign in again with `aws sso lo"),
        (
            LoginTokenLoadError(error_msg="no session"),
            "no session.*; sign in again with `aws sso login` or `aws login`",
        ),
        (CredentialRetrievalError(provider="custom-process", error_msg=""), "custom-process.*; sign in again"),
        (PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), "aws configure list"),
        (InvalidConfigError(error_msg="no such source_profile."), "no such source_profile. See what `aws configure"),
        (ConfigParseError(path="~/.aws/config"), "~/.aws/config; correct the file, or name another by AWS_CONFIG_FILE"),
        (SSLError(endpoint_url=URL, error="[Errno 2] No such file or directory"), "see that AWS_CA_BUNDLE"),
        (SSLError(endpoint_url=URL, error="[SSL: CERTIFICATE_VERIFY_FAILED] unable"), "see that AWS_CA_BUNDLE"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_names_the_mend(error: BotoCoreError, mend: str) -> None:
    converted_error = convert(error)

    assert type(converted_error) is errors.ConfigurationError
    assert re.search(mend, str(converted_error))


@pytest.mark.parametrize(
    "code", ["ExpiredToken", "InvalidClientTokenId", "InvalidSignatureException", "RequestExpired"]
)
def test_credentials_that_are_none_any_more_name_the_mend_whichever_call_met_them(code: str) -> None:
    error = convert(a_fault(code, message="The security token is expired"))

    assert type(error) is errors.AccessDenied
    assert str(error).startswith("AWS refused the credentials (")
    assert "The security token is expired" in str(error)
    assert "); sign in again with `aws sso login` or `aws login`" in str(error)


def test_what_is_attached_by_hand_and_so_cannot_be_deleted_is_told_with_the_mend() -> None:
    error = convert(a_fault("DeleteConflictException", message="The policy cannot be deleted as it is attached"))

    assert type(error) is errors.Conflict
    assert "cannot be deleted as it is attached; something is still attached to it in this Region" in str(error)
    assert "detach that, and it goes by itself" in str(error)


def test_a_parameter_that_the_sdk_refuses_is_terminal() -> None:
    assert type(convert(ParamValidationError(report="thingName: too short"))) is errors.TerminalError


def test_an_answer_without_code_or_status_is_terminal() -> None:
    error = ClientError({}, "DescribeThing")

    assert code_of(error) == ""
    assert type(convert(error)) is errors.TerminalError


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("ResourceNotFoundException", True),
        ("NoSuchKey", True),
        ("NoSuchBucket", True),
        ("404", True),
        ("AccessDenied", False),
        ("403", False),
    ],
)
def test_missing_is_only_what_aws_calls_missing(code: str, wanted: bool) -> None:
    assert is_missing(a_fault(code)) is wanted


def test_faults_are_chained_to_their_cause() -> None:
    fault = a_fault()

    with pytest.raises(errors.NotReadyYet) as caught, converted():
        raise fault

    assert caught.value.__cause__ is fault


def test_a_bug_is_not_converted() -> None:
    with pytest.raises(KeyError), converted():
        raise KeyError("bug")


def test_reading_what_is_missing_is_none_and_any_other_fault_is_raised() -> None:
    assert read(raising(a_fault())) is None
    with pytest.raises(errors.Throttled):
        read(raising(a_fault("ThrottlingException")))
    with pytest.raises(errors.RegionUnavailable):
        read(raising(EndpointConnectionError(endpoint_url=URL)))


def test_calling_what_is_missing_is_an_error() -> None:
    with pytest.raises(errors.NotReadyYet):
        call(raising(a_fault()))


def test_an_answer_is_handed_back() -> None:
    assert call(lambda **parameters: parameters, thingName="a") == {"thingName": "a"}
    assert read(lambda **parameters: parameters, thingName="a") == {"thingName": "a"}
