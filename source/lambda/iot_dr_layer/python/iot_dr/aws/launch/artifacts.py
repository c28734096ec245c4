"""The buckets of a distribution in S3: private, TLS only, encrypted, versioned, and never somebody else's.

Every request names the account that must own the bucket, so that a name which a stranger took first is refused and code
is never put where another account could change it.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from iot_dr.aws import clients, errors
from iot_dr.aws.caller import caller
from iot_dr.aws.launch.files import template_url
from iot_dr.aws.regions import iot_regions
from iot_dr.errors import ConfigurationError, IotDrError, LimitExceeded, NotReadyYet, TerminalError
from iot_dr.model.launch.distribution import Bucket, Upload

REQUIRED_ACTIONS = (
    "s3:CreateBucket",
    "s3:GetBucketPolicy",
    "s3:GetEncryptionConfiguration",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutObject",
    "sts:GetCallerIdentity",
)
"""What the person who publishes needs."""

TLS_ONLY = "TlsOnly"
"""Sid of our statement in the bucket policy; what an operator added under other names stays."""

_WHOLE = TransferConfig(multipart_threshold=1024**3, use_threads=False)
"""One request a file: only then is the checksum that S3 keeps the SHA-256 of the file, not of its parts' checksums."""

_CONTENT_TYPES = {".template": "application/json", ".zip": "application/zip"}


class S3Buckets:
    """The buckets of the account whose credentials the environment has."""

    def __init__(self, home_region: str, client_of: Callable[[str, str], Any] = clients.client) -> None:
        self._home_region = home_region
        self._client_of = client_of

    def regions(self) -> frozenset[str]:
        """Return the Regions with AWS IoT Core that the SDK knows."""
        return iot_regions()

    def secure(self, name: str, region: str) -> Bucket:
        """Make the bucket if it is missing, and bring its settings to what a distribution needs."""
        bucket = self._existing(name, region) or self._make(name, region)
        s3, owned = self._s3(bucket.region), self._owned(bucket.name)
        errors.call(
            s3.put_public_access_block,
            **owned,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        errors.call(
            s3.put_bucket_ownership_controls,
            **owned,
            OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        )
        self._encrypt(s3, owned)
        errors.call(s3.put_bucket_versioning, **owned, VersioningConfiguration={"Status": "Enabled"})
        self._admit_tls_only(s3, owned)
        return bucket

    def checksum(self, bucket: Bucket, key: str) -> str | None:
        """Return the SHA-256 that S3 computed over the whole object."""
        s3 = self._s3(bucket.region)
        found = errors.read(s3.head_object, **self._owned(bucket.name), Key=key, ChecksumMode="ENABLED")
        return None if found is None else found.get("ChecksumSHA256")

    def upload(self, upload: Upload, sent: Callable[[int], None]) -> None:
        """Write one file; S3 refuses it if what arrives has another checksum."""
        try:
            with errors.converted():
                self._s3(upload.bucket.region).upload_file(
                    str(upload.path),
                    upload.bucket.name,
                    upload.key,
                    ExtraArgs={
                        "ChecksumSHA256": upload.checksum,
                        "ContentType": _CONTENT_TYPES.get(upload.path.suffix, "application/octet-stream"),
                        "ExpectedBucketOwner": self._account,
                    },
                    Callback=sent,
                    Config=_WHOLE,
                )
        except S3UploadFailedError as error:
            # boto3 wraps AWS's answer in a class without a code, and keeps the answer as its context.
            answer = error.__context__
            raise errors.convert(answer) if isinstance(answer, ClientError) else TerminalError(str(error)) from error

    def url(self, bucket: Bucket, key: str) -> str:
        """Return the address by which CloudFormation reads a template."""
        return template_url(self._s3(bucket.region).meta.endpoint_url, bucket.name, bucket.region, key)

    @functools.cached_property
    def _account(self) -> str:
        with errors.converted():
            return caller((self._home_region,), self._client_of).account

    @functools.cache  # noqa: B019  # one S3Buckets lives as long as one command
    def _s3(self, region: str) -> Any:
        with errors.converted():
            return self._client_of("s3", region)

    def _owned(self, name: str) -> dict[str, str]:
        return {"Bucket": name, "ExpectedBucketOwner": self._account}

    def _existing(self, name: str, region: str) -> Bucket | None:
        with _explained(name, region):
            found = errors.read(self._s3(region).head_bucket, **self._owned(name))
        return None if found is None else Bucket(name, found.get("BucketRegion") or region, made=False)

    def _make(self, name: str, region: str) -> Bucket:
        # us-east-1 is the absence of a constraint, and refused as one.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3 = self._s3(region)
        with _explained(name, region):
            errors.call(s3.create_bucket, Bucket=name, ObjectOwnership="BucketOwnerEnforced", **where)
            with errors.converted():
                s3.get_waiter("bucket_exists").wait(**self._owned(name))
        return Bucket(name, region, made=True)

    @staticmethod
    def _encrypt(s3: Any, owned: dict[str, str]) -> None:
        with errors.converted():
            try:
                s3.get_bucket_encryption(**owned)
            except ClientError as error:
                if errors.code_of(error) != "ServerSideEncryptionConfigurationNotFoundError":
                    raise
            else:
                return  # every new bucket is encrypted; a key of the operator's own stays
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        errors.call(s3.put_bucket_encryption, **owned, ServerSideEncryptionConfiguration={"Rules": [rule]})

    @staticmethod
    def _admit_tls_only(s3: Any, owned: dict[str, str]) -> None:
        policy: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
        with errors.converted():
            try:
                policy = json.loads(s3.get_bucket_policy(**owned)["Policy"])
            except ClientError as error:
                if errors.code_of(error) != "NoSuchBucketPolicy":
                    raise
        arn = f"arn:{s3.meta.partition}:s3:::{owned['Bucket']}"
        statement = {
            "Sid": TLS_ONLY,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        if statement in policy["Statement"]:
            return
        others = [each for each in policy["Statement"] if each.get("Sid") != TLS_ONLY]
        policy["Statement"] = [*others, statement]
        errors.call(s3.put_bucket_policy, **owned, Policy=json.dumps(policy))


@contextmanager
def _explained(name: str, region: str) -> Iterator[None]:
    """Turn S3's terse refusals of a bucket into words that name the mend."""
    try:
        yield
    except IotDrError as error:
        cause = error.__cause__
        if not isinstance(cause, ClientError):
            raise
        raise _refusal(errors.code_of(cause), name, region, error) from error


def _refusal(code: str, name: str, region: str, error: IotDrError) -> IotDrError:
    match code:
        case "BucketAlreadyExists":
            return ConfigurationError(
                f"the bucket name {name} belongs to another AWS account; build and publish with another prefix"
            )
        case "403" | "AccessDenied":
            # S3 answers a stranger's bucket and a missing right alike, so that names cannot be probed.
            return ConfigurationError(
                f"the bucket {name} is closed to you: it belongs to another AWS account (build and publish with "
                "another prefix), or your user lacks s3:ListBucket or s3:CreateBucket (ask for them)"
            )
        case "IllegalLocationConstraintException" | "InvalidLocationConstraint" | "400":
            return ConfigurationError(
                f"S3 refuses {name} in {region}: enable that Region in the account's settings, or choose another"
            )
        case "TooManyBuckets":
            return LimitExceeded(f"the account has as many buckets as it may have ({error}); raise the quota in S3")
        case "OperationAborted":
            return NotReadyYet(f"S3 is still deleting an earlier {name}; publish again in some minutes")
    return error
