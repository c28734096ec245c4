"""Buckets: private, encrypted, versioned, TLS only, and never deleted with what is in them."""

from __future__ import annotations

from typing import Any

from awacs.aws import Action
from troposphere import Equals, GetAtt, If, Not, NoValue, Parameter, Ref, Sub, Template, s3

from templates.blocks.keys import KEY, with_key
from templates.blocks.parameters import Field
from templates.blocks.permissions import deny_without_tls
from templates.blocks.roles import document

KEEP_OLD_VERSIONS_DAYS = 90
AFTER_STACK = "RetainExceptOnCreate"
"""CloudFormation cannot delete a bucket that holds objects; one whose stack failed to come up holds none yet."""
LOG_BUCKET = "AccessLogBucket"
HAS_LOG_BUCKET = "HasAccessLogBucket"
"""The parameter, and the template's condition that it is given."""


def log_bucket(
    title: str = LOG_BUCKET,
    label: str = "Bucket for access logs",
    region: str = "this Region",
    without: str = "Empty: requests are not logged.",
) -> Field:
    """Ask for the bucket that S3 logs requests to; `without` says what an empty input means."""
    return Field(
        Parameter(
            title,
            Type="String",
            Description=f"Bucket of your own in {region} where S3 logs the requests to the work bucket; its policy "
            f"must let logging.s3.amazonaws.com write below the stack's name. {without}",
            Default="",
            AllowedPattern="([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?",
            ConstraintDescription="must be the name of a bucket",
        ),
        label,
    )


def add_private_bucket(template: Template, title: str, name: Any) -> s3.Bucket:
    """Add a bucket with its policy; the template's form asks for the bucket of its access log."""
    template.add_condition(HAS_LOG_BUCKET, Not(Equals(Ref(LOG_BUCKET), "")))
    bucket = template.add_resource(
        s3.Bucket(
            title,
            DeletionPolicy=AFTER_STACK,
            UpdateReplacePolicy="Retain",
            BucketName=name,
            PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
            ),
            OwnershipControls=s3.OwnershipControls(
                Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
            ),
            BucketEncryption=s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    s3.ServerSideEncryptionRule(
                        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(
                            SSEAlgorithm=with_key("aws:kms", "AES256"),
                            KMSMasterKeyID=with_key(Ref(KEY)),
                        ),
                        BucketKeyEnabled=with_key(True),  # one call of KMS for many objects
                    )
                ]
            ),
            LoggingConfiguration=If(
                HAS_LOG_BUCKET,
                s3.LoggingConfiguration(DestinationBucketName=Ref(LOG_BUCKET), LogFilePrefix=Sub("${AWS::StackName}/")),
                NoValue,
            ),
            VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
            LifecycleConfiguration=s3.LifecycleConfiguration(
                Rules=[
                    s3.LifecycleRule(
                        Id="ForgetOldVersions",
                        Status="Enabled",
                        NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(
                            NoncurrentDays=KEEP_OLD_VERSIONS_DAYS
                        ),
                        AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
                    )
                ]
            ),
        )
    )
    everything = Action("s3", "*")  # every action, known today or not: the statement is a denial
    template.add_resource(
        s3.BucketPolicy(
            f"{title}Policy",
            DeletionPolicy=AFTER_STACK,
            UpdateReplacePolicy="Retain",
            Bucket=Ref(bucket),
            PolicyDocument=document(
                deny_without_tls([everything], [GetAtt(bucket, "Arn"), Sub(f"${{{title}.Arn}}/*")])  # every object
            ),
        )
    )
    return bucket
