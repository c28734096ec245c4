"""Policy documents as values: one canonical text per meaning, so that comparing is comparing text."""

from __future__ import annotations

import json

from iot_dr.errors import InvalidResource
from iot_dr.model.exact_json import loads

LONGEST = 2048
"""Characters of a policy, white space left out: https://docs.aws.amazon.com/iot/latest/apireference/API_CreatePolicy.html"""


def length(document: str) -> int:
    """Return a document's length as AWS IoT measures it, in characters without white space."""
    return len("".join(document.split()))


def canonical(document: str) -> str:
    """Return the document without insignificant blanks and with its members sorted.

    The grammar of policies gives the order of members no meaning; the order inside arrays is kept as written.

    Raises:
        InvalidResource: the text is not a JSON object.
    """
    try:
        value = loads(document)
    except ValueError as error:
        raise InvalidResource(f"a policy document is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidResource("a policy document is not a JSON object")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
