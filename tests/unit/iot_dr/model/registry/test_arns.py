"""ARNs are taken apart by field; whatever is not one is refused, never guessed at."""

import pytest

from iot_dr.errors import InvalidResource
from iot_dr.model.registry.arns import Arn, iot_arn, partition_of


def test_an_arn_reads_back_as_it_was_written() -> None:
    text = "arn:aws:iot:us-east-1:123456789012:topic/a:b/us-east-1"

    assert str(Arn.parse(text)) == text


def test_colons_of_the_resource_belong_to_the_resource() -> None:
    assert Arn.parse("arn:aws:dynamodb:us-east-1:123456789012:table:x:y").resource == "table:x:y"


@pytest.mark.parametrize("text", ["", "*", "arn", "arn:aws:iot:us-east-1:123456789012", "urn:aws:iot:us-east-1:1:x"])
def test_a_text_that_is_no_arn_is_refused(text: str) -> None:
    with pytest.raises(InvalidResource, match="not an ARN"):
        Arn.parse(text)


def test_moving_changes_region_and_account_alone() -> None:
    arn = Arn.parse("arn:aws:iot:us-east-1:123456789012:topic/us-east-1")

    assert str(arn.moved_to("us-west-2", "000000000000")) == "arn:aws:iot:us-west-2:000000000000:topic/us-east-1"


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-west-2", "aws")],
)
def test_a_region_tells_its_partition(region: str, partition: str) -> None:
    assert partition_of(region) == partition


def test_a_resource_of_aws_iot_has_an_arn_in_each_region() -> None:
    assert iot_arn("cert/abc", "cn-north-1", "123456789012") == "arn:aws-cn:iot:cn-north-1:123456789012:cert/abc"
