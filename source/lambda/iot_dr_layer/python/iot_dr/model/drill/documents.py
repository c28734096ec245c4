"""A drill's result as JSON, and what is read of an earlier one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from iot_dr.errors import ConfigurationError
from iot_dr.model.drill.results import DrillResult, spread
from iot_dr.model.drill.verdicts import is_met, judgements, summary
from iot_dr.model.exact_json import loads

FORM = 1
"""The version of the document's form."""


def document_of(result: DrillResult) -> Mapping[str, Any]:
    """Return everything that a drill found; times are seconds since it began."""
    return {
        "form": FORM,
        "met": is_met(result),
        "judgements": [dataclasses.asdict(one) for one in judgements(result)],
        "summary": dict(summary(result)),
        "phases_of_rto": {
            leg.target: {phase: dict(spread(seconds)) for phase, seconds in leg.phases().items()} for leg in result.legs
        },
        **dataclasses.asdict(result),
    }


def text_of(result: DrillResult) -> str:
    """Return the document as text."""
    return json.dumps(document_of(result), indent=1)


def earlier_summary(text: str, where: str) -> Mapping[str, float]:
    """Return the numbers of an earlier drill.

    Raises:
        ConfigurationError: the text is no drill's result.
    """
    try:
        found = loads(text)
        return {str(name): float(value) for name, value in found["summary"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"{where} is no result of a drill; give the .json file that `iot-dr drill --report PAGE` wrote"
        ) from error
