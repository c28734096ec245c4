"""What a roaming fleet makes of its seconds."""

import pytest

from lab.roaming import percentile


@pytest.mark.parametrize(
    ("number", "share", "rank"),
    [(20, 0.95, 19), (25, 0.95, 24), (100, 0.95, 95), (100, 0.07, 7), (1, 0.95, 1), (4, 0, 1)],
)
def test_a_percentile_is_the_least_value_that_so_large_a_share_does_not_exceed(
    number: int, share: float, rank: int
) -> None:
    assert percentile(range(number, 0, -1), share) == rank
