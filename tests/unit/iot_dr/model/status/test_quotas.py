import pytest

from iot_dr.model.sites import Side
from iot_dr.model.status.quotas import CALLS_PER_DEVICE, ApiQuota, Ceiling, ceiling


def plenty(**less: float) -> dict[Side, dict[str, ApiQuota]]:
    """Quotas of 1,000 calls a second in both Regions, but for those named."""
    return {
        side: {operation: ApiQuota(operation, less.get(operation, 1000)) for operation in operations}
        for side, operations in CALLS_PER_DEVICE.items()
    }


@pytest.mark.parametrize(
    ("operation", "side"),
    [("RegisterCertificateWithoutCA", Side.TARGET), ("DescribeCertificate", Side.SOURCE)],
)
def test_the_tightest_quota_of_either_region_is_the_ceiling(operation: str, side: Side) -> None:
    assert ceiling(plenty(**{operation: 10})) == Ceiling(10, side, operation)


def test_a_fleet_takes_as_long_as_its_ceiling_says() -> None:
    assert Ceiling(10, Side.TARGET, "RegisterCertificateWithoutCA").hours_for(36_000) == pytest.approx(1)


def test_a_quota_is_raised_only_above_a_default_that_is_known() -> None:
    assert ApiQuota("GetPolicy", 20, 10).raised
    assert not ApiQuota("GetPolicy", 10, 10).raised
    assert not ApiQuota("GetPolicy", 20).raised
