"""Topic rules: their SQL, and how what they send travels."""

import math
from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iot

from . import correction
from .patching import replace

_FLOOR, _CAST = "floor", "cast"


def _floor(value: Any) -> Any:
    number = iot._sql_as_number(value)
    return iot._MISSING if number is None else math.floor(number)


def _as_int(value: Any) -> Any:
    number = iot._sql_as_number(value)
    return iot._MISSING if number is None else int(number)


def _as_decimal(value: Any) -> Any:
    number = iot._sql_as_number(value)
    return iot._MISSING if number is None else float(number)


def _as_string(value: Any) -> Any:
    text = iot._sql_as_string(value)
    return iot._MISSING if text is None else text


def _as_bool(value: Any) -> Any:
    truth = iot._sql_as_bool(value)
    return iot._MISSING if truth is None else truth


_CASTS: dict[str, Callable[[Any], Any]] = {
    "int": _as_int,
    "decimal": _as_decimal,
    "string": _as_string,
    "bool": _as_bool,
}


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html")
def rule_sql_floor_and_cast() -> None:
    """Rule SQL has floor() and cast(); the emulator drops the field, and a TTL in whole seconds needs one of them."""
    evaluate = iot._eval_select_function

    def eval_select_function(  # noqa: PLR0917 - the emulator's own signature
        name: str, args: list[str], topic: str, payload: bytes, message: Any, client_id: str | None = None
    ) -> Any:
        if name == _FLOOR and len(args) == 1:
            return _floor(iot._eval_select_expr(args[0], topic, payload, message, client_id))
        if name == _CAST and len(args) == 1:
            expression, _, kind = args[0].rpartition(" ")
            expression, _, keyword = expression.rstrip().rpartition(" ")
            convert = _CASTS.get(kind.lower())
            if convert is None or keyword.lower() != "as":
                return iot._MISSING
            return convert(iot._eval_select_expr(expression, topic, payload, message, client_id))
        return evaluate(name, args, topic, payload, message, client_id)

    replace(evaluate, eval_select_function)
    iot._IMPLEMENTED_SQL_FUNCS = iot._IMPLEMENTED_SQL_FUNCS | {_FLOOR, _CAST}


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/transport-security.html")
def rule_sends_to_queues_over_tls() -> None:
    """AWS IoT calls SQS over TLS; the emulator takes what MQTT brought for plain, so a queue may refuse it."""
    dispatch = iot._dispatch_rule_sqs

    def dispatch_rule_sqs(account_id: str, region: str, rule_name: str, spec: Any, event: Any) -> None:
        origin = iam_evaluator._request_origin.set(("127.0.0.1", True))
        try:
            dispatch(account_id, region, rule_name, spec, event)
        finally:
            iam_evaluator._request_origin.reset(origin)

    replace(dispatch, dispatch_rule_sqs)
