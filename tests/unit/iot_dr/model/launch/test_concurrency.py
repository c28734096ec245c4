"""How many functions must run at once, by what the templates let run."""

from iot_dr.model.launch import concurrency
from templates import request_queues


def test_the_numbers_are_those_of_the_templates() -> None:
    assert request_queues.workers_at_once().parameter.Default == concurrency.WORKERS_AT_ONCE
    assert request_queues.BACKGROUND_WORKERS == concurrency.BACKGROUND_WORKERS


def test_each_worker_needs_the_function_that_waits_for_it() -> None:
    assert concurrency.least(21) - concurrency.least(20) == 2


def test_there_is_room_for_the_customers_own_functions_before_nobody_warns() -> None:
    assert concurrency.comfortable() >= 4 * concurrency.least()
