"""Amazon Resource Names, taken apart by field so that nothing is ever replaced as text.

Format: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from iot_dr.errors import InvalidResource


@dataclass(frozen=True)
class Arn:
    """`arn:partition:service:region:account:resource`; the resource may hold further colons."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Split an ARN into its six fields.

        Raises:
            InvalidResource: the text is not an ARN.
        """
        fields = text.split(":", 5)
        if len(fields) != 6 or fields[0] != "arn":
            raise InvalidResource(f"not an ARN: {text!r}")
        return cls(*fields[1:])

    def __str__(self) -> str:
        return ":".join(("arn", self.partition, self.service, self.region, self.account, self.resource))

    def moved_to(self, region: str, account: str) -> Arn:
        """Return the same resource in another Region and account."""
        return replace(self, region=region, account=account)


def partition_of(region: str) -> str:
    """Return the partition that a Region belongs to, by the prefix that AWS gives its Regions.

    >>> partition_of("us-gov-west-1"), partition_of("cn-north-1"), partition_of("eu-west-1")
    ('aws-us-gov', 'aws-cn', 'aws')
    """
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def iot_arn(resource: str, region: str, account: str) -> str:
    """Return the ARN of a resource of AWS IoT, which differs between Regions by the Region field alone."""
    return str(Arn(partition_of(region), "iot", region, account, resource))
