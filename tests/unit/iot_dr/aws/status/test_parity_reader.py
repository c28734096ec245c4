"""What is read of each family, held to the SDK's own description of the calls."""

import hashlib
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.status.parity_reader import LISTINGS, RETAINED_MESSAGES, IotParityReader, rights_to_read
from iot_dr.model.status.parity import Family

REGION = "us-east-1"
CA = "c" * 64


def client(family: Family) -> Any:
    service = "iot-data" if family is Family.RETAINED_MESSAGES else "iot"
    return boto3.client(service, region_name=REGION)


def operation_model(family: Family, operation: str) -> Any:
    sdk = client(family)
    return sdk.meta.service_model.operation_model(sdk.meta.method_to_api_mapping[operation])


@pytest.mark.parametrize("family", Family)
def test_the_calls_that_read_a_family_are_there_and_the_list_has_pages(family: Family) -> None:
    listing = LISTINGS[family]

    assert client(family).can_paginate(listing.list_operation)
    listed = operation_model(family, listing.list_operation).output_shape.members[listing.list_member].member
    assert listed.type_name == "string" if not listing.name else listing.name in listed.members
    assert listing.parameter in operation_model(family, listing.describe_operation).input_shape.members


@pytest.mark.parametrize("family", Family)
def test_every_compared_field_is_told_by_the_description(family: Family) -> None:
    listing = LISTINGS[family]
    answer = operation_model(family, listing.describe_operation).output_shape
    parts = [answer.members[part] for part in listing.parts] or [answer]

    assert listing.fields <= {name for part in parts for name in part.members}


@pytest.mark.parametrize("family", Family)
def test_the_rights_are_those_of_the_calls(family: Family) -> None:
    listing = LISTINGS[family]
    calls = client(family).meta.method_to_api_mapping

    assert rights_to_read(family) == tuple(
        f"iot:{calls[operation]}" for operation in (listing.list_operation, listing.describe_operation)
    )


class Region:
    """One Region and what its stubs expect."""

    def __init__(self) -> None:
        self.iot, self.data = (Stubber(boto3.client(name, region_name=REGION)) for name in ("iot", "iot-data"))
        self.settings = IotParityReader(self.iot.client, self.data.client)

    def read(self, family: Family) -> Any:
        with self.iot, self.data:
            found = self.settings.read(family)
        self.iot.assert_no_pending_responses()
        self.data.assert_no_pending_responses()
        return found


def test_dates_arns_and_the_products_own_rules_are_left_out_and_pages_read_to_the_last() -> None:
    region = Region()
    region.iot.add_response("list_topic_rules", {"rules": [{"ruleName": "alerts"}], "nextToken": "more"}, {})
    rule = {"ruleName": "alerts", "sql": "SELECT 1", "ruleDisabled": False}
    region.iot.add_response("get_topic_rule", {"ruleArn": "arn", "rule": rule}, {"ruleName": "alerts"})
    own = {"rules": [{"ruleName": "IoTDRPrimary2026_ThingEvent"}, {"ruleName": "IoTDRSecondary2026_Jitr"}]}
    region.iot.add_response("list_topic_rules", own, {"nextToken": "more"})

    assert region.read(Family.TOPIC_RULES) == {"alerts": {"sql": "SELECT 1", "ruleDisabled": False}}


def test_the_parts_of_a_description_are_read_as_one() -> None:
    region = Region()
    region.iot.add_response("list_ca_certificates", {"certificates": [{"certificateId": CA}]}, {})
    answer = {
        "certificateDescription": {"certificateId": CA, "status": "ACTIVE", "autoRegistrationStatus": "ENABLE"},
        "registrationConfig": {"templateName": "fleet"},
    }
    region.iot.add_response("describe_ca_certificate", answer, {"certificateId": CA})

    fields = {"status": "ACTIVE", "autoRegistrationStatus": "ENABLE", "templateName": "fleet"}
    assert region.read(Family.CA_CERTIFICATES) == {CA: fields}


def test_what_is_deleted_while_it_is_read_is_left_out() -> None:
    region = Region()
    region.iot.add_response("list_role_aliases", {"roleAliases": ["gone"]}, {})
    region.iot.add_client_error("describe_role_alias", "ResourceNotFoundException")

    assert region.read(Family.ROLE_ALIASES) == {}


def test_a_domain_that_aws_gives_is_not_compared_and_one_of_the_customer_is() -> None:
    region = Region()
    names = ["iot:Data-ATS", "given", "own"]
    region.iot.add_response(
        "list_domain_configurations",
        {"domainConfigurations": [{"domainConfigurationName": name} for name in names]},
        {},
    )
    for name, kind in (("given", "AWS_MANAGED"), ("own", "CUSTOMER_MANAGED")):
        answer = {"domainConfigurationName": name, "domainName": f"{name}.example.com", "domainType": kind}
        region.iot.add_response("describe_domain_configuration", answer, {"domainConfigurationName": name})

    assert region.read(Family.DOMAIN_CONFIGURATIONS) == {
        "given": {"domainType": "AWS_MANAGED"},
        "own": {"domainType": "CUSTOMER_MANAGED", "domainName": "own.example.com"},
    }


def test_a_retained_message_is_compared_by_the_digest_of_its_payload() -> None:
    region = Region()
    region.data.add_response("list_retained_messages", {"retainedTopics": [{"topic": "IoTDRPrimary/x"}]}, {})
    answer = {"topic": "IoTDRPrimary/x", "payload": b"on", "qos": 1, "lastModifiedTime": 7}
    region.data.add_response("get_retained_message", answer, {"topic": "IoTDRPrimary/x"})

    digest = hashlib.sha256(b"on").hexdigest()
    assert region.read(Family.RETAINED_MESSAGES) == {"IoTDRPrimary/x": {"payload": digest, "qos": 1}}


def test_of_very_many_retained_messages_the_first_are_read() -> None:
    region = Region()
    topics = [{"topic": str(number)} for number in range(RETAINED_MESSAGES + 1)]
    region.data.add_response("list_retained_messages", {"retainedTopics": topics}, {})
    for one in topics[:-1]:
        region.data.add_response("get_retained_message", {"payload": b""}, one)

    assert len(region.read(Family.RETAINED_MESSAGES)) == RETAINED_MESSAGES
