"""The rules by which Route 53 takes an endpoint for healthy."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.route53.health import (
    CHECKER_REGIONS,
    Checker,
    HealthCheck,
    enough_say_healthy,
    health_check,
    is_healthy,
)

WELL, ILL = Checker(healthy=True), Checker(healthy=False)


def after(answers: list[bool], threshold: int) -> Checker:
    checker = Checker()
    for success in answers:
        checker = checker.saw(success=success, threshold=threshold)
    return checker


@given(st.lists(st.booleans(), max_size=40), st.integers(min_value=1, max_value=10))
def test_a_checker_is_of_the_mind_of_the_last_answers_in_a_row_that_reached_the_threshold(
    answers: list[bool], threshold: int
) -> None:
    runs = [(success, len(list(run))) for success, run in itertools.groupby(answers)]
    decided = [success for success, length in runs if length >= threshold]

    assert after(answers, threshold).healthy is (decided[-1] if decided else True)


@pytest.mark.parametrize(
    ("answers", "healthy"),
    [
        ([], True),
        ([False, False], True),
        ([False, False, False], False),
        ([False, False, True, False, False], True),
        ([False, False, False, True, True], False),
        ([False, False, False, True, True, True], True),
        ([False, False, False, True, True, False, True], False),
    ],
)
def test_a_threshold_of_three_counts_in_both_directions(answers: list[bool], healthy: bool) -> None:
    assert after(answers, 3).healthy is healthy


@pytest.mark.parametrize(
    ("well", "of", "healthy"),
    [(0, 8, False), (1, 8, False), (2, 8, True), (8, 8, True), (0, 3, False), (1, 3, True), (1, 5, True), (0, 0, True)],
)
def test_an_endpoint_is_healthy_if_more_than_18_percent_of_its_checkers_say_so(
    well: int, of: int, healthy: bool
) -> None:
    assert enough_say_healthy([WELL] * well + [ILL] * (of - well)) is healthy


@pytest.mark.parametrize(("well", "healthy"), [(18, False), (19, True)])
def test_exactly_18_percent_are_not_enough(well: int, healthy: bool) -> None:
    assert enough_say_healthy([WELL] * well + [ILL] * (100 - well)) is healthy


@pytest.mark.parametrize(
    ("answers_well", "inverted", "disabled", "healthy"),
    [
        (True, False, False, True),
        (False, False, False, False),
        (True, True, False, False),
        (False, True, False, True),
        (True, False, True, True),
        (False, False, True, True),
        # AWS: who disabled a check and wants no traffic there inverts it.
        (True, True, True, False),
        (False, True, True, False),
    ],
)
def test_a_check_is_inverted_and_disabled_as_aws_says(
    answers_well: bool, inverted: bool, disabled: bool, healthy: bool
) -> None:
    check = HealthCheck("one", inverted=inverted, disabled=disabled)

    assert is_healthy("one", {"one": check}, {"one": [WELL if answers_well else ILL]}) is healthy


@pytest.mark.parametrize("threshold", range(5))
@pytest.mark.parametrize("children", list(itertools.product([True, False], repeat=3)))
@pytest.mark.parametrize("inverted", [True, False])
def test_a_calculated_check_counts_its_healthy_children(
    children: tuple[bool, ...], threshold: int, inverted: bool
) -> None:
    names = ("a", "b", "c")
    parent = HealthCheck("parent", children=names, health_threshold=threshold, inverted=inverted)
    checks = {"parent": parent, **{name: HealthCheck(name) for name in names}}
    checkers = {name: [WELL if well else ILL] for name, well in zip(names, children, strict=True)}

    assert is_healthy("parent", checks, checkers) is ((sum(children) >= threshold) != inverted)


def test_an_inverted_child_counts_as_what_it_says() -> None:
    checks = {
        "primary": HealthCheck("primary"),
        "drains": HealthCheck("drains", inverted=True),
        "both": HealthCheck("both", children=("primary", "drains"), health_threshold=2),
    }

    assert is_healthy("both", checks, {"primary": [WELL], "drains": [ILL]})
    assert not is_healthy("both", checks, {"primary": [WELL], "drains": [WELL]})


def test_a_calculated_check_among_the_children_is_never_healthy_even_if_it_is_its_own() -> None:
    checks = {
        "inner": HealthCheck("inner", children=(), health_threshold=0),
        "outer": HealthCheck("outer", children=("inner", "outer"), health_threshold=1),
    }

    assert is_healthy("inner", checks, {})
    assert not is_healthy("outer", checks, {})


@pytest.mark.parametrize("check_id", [None, "", "deleted"])
def test_what_has_no_check_is_healthy(check_id: str | None) -> None:
    assert is_healthy(check_id, {}, {})


def told(**config: Any) -> dict[str, Any]:
    return {"Id": "one", "HealthCheckConfig": config}


def test_a_check_is_read_with_route_53s_defaults() -> None:
    check = health_check(told(Type="HTTPS", FullyQualifiedDomainName="x.execute-api.eu-west-1.amazonaws.com"))

    assert (check.interval, check.failure_threshold, check.inverted, check.disabled) == (30, 3, False, False)
    assert check.regions == CHECKER_REGIONS
    assert check.children is None
    assert check.endpoint is not None
    assert (check.endpoint.port, check.endpoint.path, check.endpoint.region) == (443, "/", "eu-west-1")


def test_a_check_is_read_with_what_it_says() -> None:
    check = health_check(
        told(
            Type="HTTP_STR_MATCH",
            IPAddress="127.0.0.1",
            Port=8080,
            ResourcePath="/health",
            SearchString="fine",
            RequestInterval=10,
            FailureThreshold=1,
            Inverted=True,
            Disabled=True,
            Regions=["us-east-1", "us-west-1", "eu-west-1"],
        )
    )

    assert (check.interval, check.failure_threshold, check.inverted, check.disabled) == (10, 1, True, True)
    assert check.regions == ("us-east-1", "us-west-1", "eu-west-1")
    assert check.endpoint is not None
    assert (check.endpoint.address, check.endpoint.port, check.endpoint.path) == ("127.0.0.1", 8080, "/health")
    assert (check.endpoint.search, check.endpoint.encrypted, check.endpoint.region) == ("fine", False, None)


def test_a_calculated_check_has_children_and_asks_nobody() -> None:
    check = health_check(told(Type="CALCULATED", ChildHealthChecks=["a", "b"], HealthThreshold=2))

    assert (check.children, check.health_threshold, check.endpoint) == (("a", "b"), 2, None)


def test_a_check_of_an_alarm_asks_nobody_and_counts_no_children() -> None:
    check = health_check(told(Type="CLOUDWATCH_METRIC"))

    assert (check.children, check.endpoint) == (None, None)
