"""The requests to S3, checked against the service's own model by botocore's Stubber."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import NoCredentialsError, ProfileNotFound, UnauthorizedSSOTokenError
from botocore.stub import ANY, Stubber

from iot_dr.aws.launch.artifacts import S3Buckets
from iot_dr.errors import ConfigurationError, IotDrError, LimitExceeded, NotReadyYet, RegionUnavailable, TerminalError
from iot_dr.model.launch.distribution import Bucket, Upload

ACCOUNT = "123456789012"
NAME = "acme-iot-dr-eu-west-1"
OWNED = {"Bucket": NAME, "ExpectedBucketOwner": ACCOUNT}
EXISTS = {"ResponseMetadata": {"HTTPStatusCode": 200}}
"""What ends the waiter, which checks the status alone."""
BUCKET = Bucket(NAME, "eu-west-1", made=False)
TLS_ONLY = {
    "Sid": "TlsOnly",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [f"arn:aws:s3:::{NAME}", f"arn:aws:s3:::{NAME}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
OPERATORS_OWN = {"Sid": "Mine", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": ["*"]}


class Account:
    """Stubbed clients of one Region, handed out by service."""

    def __init__(self, region: str = "eu-west-1") -> None:
        once = Config(retries={"total_max_attempts": 1})
        self.clients = {name: boto3.client(name, region_name=region, config=once) for name in ("s3", "sts")}
        self.s3, self.sts = Stubber(self.clients["s3"]), Stubber(self.clients["sts"])
        self.buckets = S3Buckets(region, lambda service, _region: self.clients[service])
        self.sts.add_response("get_caller_identity", {"Account": ACCOUNT})

    def refuses(self, operation: str, code: str, status: int = 400) -> None:
        self.s3.add_client_error(operation, code, "no", http_status_code=status)

    def expects_settings(self, policy: list[dict[str, Any]] | None = None, *, owned: dict[str, str] = OWNED) -> None:
        blocked = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        self.s3.add_response(
            "put_public_access_block",
            {},
            {**owned, "PublicAccessBlockConfiguration": dict.fromkeys(blocked, True)},
        )
        self.s3.add_response(
            "put_bucket_ownership_controls",
            {},
            {**owned, "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
        )
        self.s3.add_response("get_bucket_encryption", {}, owned)
        self.s3.add_response("put_bucket_versioning", {}, {**owned, "VersioningConfiguration": {"Status": "Enabled"}})
        if policy is None:
            self.refuses("get_bucket_policy", "NoSuchBucketPolicy", 404)
        else:
            self.s3.add_response("get_bucket_policy", {"Policy": json.dumps({"Statement": policy})}, owned)


@pytest.fixture
def account() -> Iterator[Account]:
    made = Account()
    with made.s3, made.sts:
        yield made
        made.s3.assert_no_pending_responses()


def policy_of(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_a_missing_bucket_is_made_in_its_region_and_secured(account: Account) -> None:
    account.refuses("head_bucket", "404", 404)
    account.s3.add_response(
        "create_bucket",
        {},
        {
            "Bucket": NAME,
            "ObjectOwnership": "BucketOwnerEnforced",
            "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"},
        },
    )
    account.s3.add_response("head_bucket", EXISTS, OWNED)
    account.expects_settings()
    account.s3.add_response("put_bucket_policy", {}, {**OWNED, "Policy": policy_of(TLS_ONLY)})

    assert account.buckets.secure(NAME, "eu-west-1") == Bucket(NAME, "eu-west-1", made=True)


def test_us_east_1_is_asked_for_by_no_constraint_at_all() -> None:
    account = Account("us-east-1")
    account.refuses("head_bucket", "404", 404)
    account.s3.add_response("create_bucket", {}, {"Bucket": NAME, "ObjectOwnership": "BucketOwnerEnforced"})
    account.s3.add_response("head_bucket", EXISTS, OWNED)
    account.expects_settings([TLS_ONLY])

    with account.s3, account.sts:
        assert account.buckets.secure(NAME, "us-east-1").made


def test_an_existing_bucket_gets_the_settings_too_and_keeps_what_its_owner_added(account: Account) -> None:
    account.s3.add_response("head_bucket", {"BucketRegion": "eu-west-1"}, OWNED)
    account.expects_settings([OPERATORS_OWN, {**TLS_ONLY, "Action": "s3:GetObject"}])
    account.s3.add_response(
        "put_bucket_policy", {}, {**OWNED, "Policy": json.dumps({"Statement": [OPERATORS_OWN, TLS_ONLY]})}
    )

    assert account.buckets.secure(NAME, "eu-west-1") == BUCKET


def test_a_bucket_with_our_statement_keeps_its_policy_untouched(account: Account) -> None:
    account.s3.add_response("head_bucket", {"BucketRegion": "eu-west-1"}, OWNED)
    account.expects_settings([TLS_ONLY])

    account.buckets.secure(NAME, "eu-west-1")


def test_a_bucket_from_before_default_encryption_is_encrypted(account: Account) -> None:
    account.refuses("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError", 404)
    account.s3.add_response(
        "put_bucket_encryption",
        {},
        {
            **OWNED,
            "ServerSideEncryptionConfiguration": {
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        },
    )

    S3Buckets._encrypt(account.clients["s3"], OWNED)


def test_where_a_bucket_lies_is_what_s3_says_not_where_it_was_asked_for(account: Account) -> None:
    account.s3.add_response("head_bucket", {"BucketRegion": "us-west-2"}, OWNED)
    account.expects_settings([TLS_ONLY])

    assert account.buckets.secure(NAME, "eu-west-1").region == "us-west-2"


@pytest.mark.parametrize(
    ("code", "status", "kind", "mend"),
    [
        ("403", 403, ConfigurationError, "belongs to another AWS account .*another prefix.* or your user lacks"),
        ("400", 400, ConfigurationError, "enable that Region"),
        ("503", 503, RegionUnavailable, "503"),
    ],
)
def test_a_bucket_that_cannot_be_checked_is_explained(
    account: Account, code: str, status: int, kind: type[IotDrError], mend: str
) -> None:
    account.refuses("head_bucket", code, status)

    with pytest.raises(kind, match=mend):
        account.buckets.secure(NAME, "eu-west-1")


@pytest.mark.parametrize(
    ("code", "kind", "mend"),
    [
        ("BucketAlreadyExists", ConfigurationError, f"{NAME} belongs to another AWS account; build and publish with"),
        ("AccessDenied", ConfigurationError, "or your user lacks .*s3:CreateBucket"),
        ("IllegalLocationConstraintException", ConfigurationError, "enable that Region in the account's settings"),
        ("TooManyBuckets", LimitExceeded, "raise the quota"),
        ("OperationAborted", NotReadyYet, "publish again in some minutes"),
        ("InvalidBucketName", TerminalError, "InvalidBucketName"),
    ],
)
def test_a_bucket_that_cannot_be_made_is_explained(
    account: Account, code: str, kind: type[IotDrError], mend: str
) -> None:
    account.refuses("head_bucket", "404", 404)
    account.refuses("create_bucket", code, 409)

    with pytest.raises(kind, match=mend):
        account.buckets.secure(NAME, "eu-west-1")


def test_a_stored_checksum_is_read_and_a_missing_object_has_none(account: Account) -> None:
    request = {**OWNED, "Key": "a", "ChecksumMode": "ENABLED"}
    account.s3.add_response("head_object", {"ChecksumSHA256": "abc="}, request)
    account.s3.add_response("head_object", {}, request)
    account.refuses("head_object", "404", 404)

    assert [account.buckets.checksum(BUCKET, "a") for _ in range(3)] == ["abc=", None, None]


def test_a_file_travels_in_one_request_with_its_checksum_and_its_owner(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"x" * 9_000_000)  # above the size from which the transfer manager would split it
    account.s3.add_response(
        "put_object",
        {},
        {**OWNED, "Key": "k", "Body": ANY, "ChecksumSHA256": "abc=", "ContentType": "application/zip"},
    )

    account.buckets.upload(Upload(path, BUCKET, "k", "abc=", 9_000_000), lambda _: None)


def test_a_refused_upload_keeps_the_words_of_aws(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "a.template"
    path.write_text("{}")
    account.refuses("put_object", "BadDigest")

    with pytest.raises(TerminalError, match="BadDigest"):
        account.buckets.upload(Upload(path, BUCKET, "k", "abc=", 2), lambda _: None)


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-west-1", "https://b.s3.eu-west-1.amazonaws.com/n/v1.0.0/m.template"),
        ("us-east-1", "https://b.s3.us-east-1.amazonaws.com/n/v1.0.0/m.template"),
        ("cn-north-1", "https://b.s3.cn-north-1.amazonaws.com.cn/n/v1.0.0/m.template"),
    ],
)
def test_an_object_is_addressed_in_its_own_region(region: str, url: str) -> None:
    assert Account(region).buckets.url(Bucket("b", region, made=False), "n/v1.0.0/m.template") == url


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch"])
def test_refused_credentials_are_told_from_a_missing_right(code: str) -> None:
    account = Account()
    account.sts = Stubber(account.clients["sts"])
    account.sts.add_client_error("get_caller_identity", code, "no", http_status_code=403)

    with account.sts, pytest.raises(ConfigurationError, match=r"AWS refused the credentials .*aws sso login"):
        account.buckets.secure(NAME, "eu-west-1")


@pytest.mark.parametrize(
    ("fault", "kind", "mend"),
    [
        (NoCredentialsError(), ConfigurationError, "no AWS credentials found; run `aws configure`"),
        (ProfileNotFound(profile="nope"), ConfigurationError, "nope.*aws configure list-profiles"),
        (UnauthorizedSSOTokenError(), ConfigurationError, "aws sso login"),
    ],
)
def test_a_client_that_cannot_be_made_is_explained(fault: Exception, kind: type[IotDrError], mend: str) -> None:
    def no_client(_service: str, _region: str) -> Any:
        raise fault

    with pytest.raises(kind, match=mend):
        S3Buckets("eu-west-1", no_client).secure(NAME, "eu-west-1")


def test_the_sdk_knows_the_regions_of_every_partition() -> None:
    assert {"us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"} <= Account().buckets.regions()
