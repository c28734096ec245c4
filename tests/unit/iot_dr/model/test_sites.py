"""Sites, and what is copied where."""

from iot_dr.model.sites import Direction, Side, Site


def test_each_side_of_a_direction_is_a_site() -> None:
    direction = Direction(Site("us-east-1"), Site("us-west-2"))

    assert (direction.site(Side.SOURCE), direction.site(Side.TARGET)) == (direction.source, direction.target)
