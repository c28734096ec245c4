"""The quotas as Service Quotas lists them, against the SDK's stub."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from iot_dr.aws.quotas import DEFAULTS, SHADOWS, SHARED, ApiQuotas
from iot_dr.aws.shadows.shadow_store import REQUIRED_ACTIONS_TO_READ, REQUIRED_ACTIONS_TO_WRITE
from iot_dr.errors import AccessDenied
from iot_dr.model.status.quotas import ApiQuota
from lab import quotas as lab_quotas

STUBBED = ("service-quotas", "us-west-2")


def page(*quotas: tuple[str, float], token: str = "") -> dict[str, object]:
    listed = [{"QuotaName": name, "Value": value} for name, value in quotas]
    return {"Quotas": listed, **({"NextToken": token} if token else {})}


def test_the_accounts_own_quotas_are_read_from_all_pages(stub: Stubber) -> None:
    first = page(("CreateThing API TPS", 100.0), ("Maximum thing name size", 128.0), token="more")
    stub.add_response("list_service_quotas", first, {"ServiceCode": "iotcore"})
    raised = page(("RegisterCertificateWithoutCA API TPS", 50.0))
    stub.add_response("list_service_quotas", raised, {"ServiceCode": "iotcore", "NextToken": "more"})

    quotas = ApiQuotas(stub.client).read()

    assert quotas["CreateThing"] == ApiQuota("CreateThing", 100, 100)
    assert quotas["RegisterCertificateWithoutCA"] == ApiQuota("RegisterCertificateWithoutCA", 50, 10)
    assert "Maximum thing name size" not in quotas


def test_what_aws_does_not_list_has_the_default_and_newer_calls_have_quotas_of_their_own(stub: Stubber) -> None:
    listed = page(("ListThingPrincipals API TPS", 40.0), ("ListPrincipalThingsV2 API TPS", 60.0))
    stub.add_response("list_service_quotas", listed, {"ServiceCode": "iotcore"})

    quotas = ApiQuotas(stub.client).read()

    assert quotas["GetPolicy"] == ApiQuota("GetPolicy", 10, 10)
    assert quotas["ListThingPrincipalsV2"] == ApiQuota("ListThingPrincipalsV2", 10, 10)
    assert quotas["ListPrincipalThingsV2"] == ApiQuota("ListPrincipalThingsV2", 60, 10)


def test_calls_of_shadows_share_a_quota_that_is_named_otherwise(stub: Stubber) -> None:
    raised = page(("Device Shadow API requests/second per account", 4000.0))
    stub.add_response("list_service_quotas", raised, {"ServiceCode": "iotcore"})

    assert ApiQuotas(stub.client).read()[SHADOWS] == ApiQuota(SHADOWS, 4000, 400)
    both = REQUIRED_ACTIONS_TO_READ | REQUIRED_ACTIONS_TO_WRITE
    assert {f"iot:{operation}" for operation in SHARED} == both


def test_who_may_not_list_quotas_works_with_the_defaults_and_learns_why(stub: Stubber) -> None:
    for _ in range(2):
        stub.add_client_error("list_service_quotas", "AccessDeniedException", "not you", 403)

    quotas, why = ApiQuotas(stub.client).read_or_defaults()

    assert {name: quota.applied for name, quota in quotas.items()}.items() >= DEFAULTS.items()
    assert "not you" in why
    with pytest.raises(AccessDenied):
        ApiQuotas(stub.client).read()


def test_the_lab_enforces_what_the_product_takes_for_the_defaults() -> None:
    assert lab_quotas.DEFAULTS.items() >= DEFAULTS.items()
