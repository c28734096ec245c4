"""Buckets: private, encrypted, versioned, TLS only, and never deleted with what is in them."""

from __future__ import annotations

from typing import Any

from awacs.aws import Action
from troposphere import GetAtt, Ref, Sub, Template, s3

from templates.blocks.permissions import deny_without_tls
from templates.blocks.roles import document

KEEP_OLD_VERSIONS_DAYS = 90
AFTER_STACK = "RetainExceptOnCreate"
"""CloudFormation cannot delete a bucket that holds objects; one whose stack failed to come up holds none yet."""


def add_private_bucket(template: Template, title: str, name: Any) -> s3.Bucket:
    """Add a bucket with its policy."""
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
                        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                    )
                ]
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
