"""Names the things that a query selects: by the index where things are indexed, else by what ListThings can filter.

Queries: https://docs.aws.amazon.com/iot/latest/developerguide/query-syntax.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from iot_dr.aws.errors import call, converted
from iot_dr.aws.registry.reader import PAGE_SIZE
from iot_dr.errors import ConfigurationError, InvalidResource

REQUIRED_ACTIONS = frozenset({"iot:GetIndexingConfiguration", "iot:ListThings", "iot:SearchIndex"})

HITS = 100
"""The most that SearchIndex returns at once."""

_TERM = re.compile(
    r"(?P<field>thingName|thingTypeName|attributes\.[A-Za-z0-9_.,@/:#-]+?):(?P<value>[^\s*?]+)(?P<any>\*?)"
)
"""One term that a list can answer; a star stands for any end of a thing's name."""


class SelectedThings:
    """The things of one Region, over its `iot` client."""

    def __init__(self, client: Any, region: str) -> None:
        self._client = client
        self._region = region

    def names(self, query: str) -> Iterator[str]:
        """Yield the names of the things that a query selects.

        Raises:
            ConfigurationError: the query cannot be answered; the message says what would let it be.
        """
        if self._indexed():
            return self._by_index(query)
        return self._by_list(query)

    def _indexed(self) -> bool:
        configuration = call(self._client.get_indexing_configuration)
        things = configuration.get("thingIndexingConfiguration") or {}
        return bool(things.get("thingIndexingMode", "OFF") != "OFF")

    def _by_index(self, query: str) -> Iterator[str]:
        following: dict[str, str] = {}
        while True:
            # The SDK has no paginator for this call.
            try:
                page = call(self._client.search_index, queryString=query, maxResults=HITS, **following)
            except InvalidResource as error:
                raise ConfigurationError(
                    f"the query {query!r} is not one that the index of {self._region} answers: {error}"
                ) from error
            yield from (str(thing["thingName"]) for thing in page.get("things", ()))
            if not page.get("nextToken"):
                return
            following = {"nextToken": page["nextToken"]}

    def _by_list(self, query: str) -> Iterator[str]:
        terms = [_TERM.fullmatch(term) for term in re.split(r"\s+AND\s+|\s+", query.strip())]
        filters = [term for term in terms if term]
        names = [term for term in filters if term["field"] == "thingName"]
        parameters = self._parameters([term for term in filters if term["field"] != "thingName"])
        if len(filters) != len(terms) or parameters is None:
            raise ConfigurationError(
                f"the query {query!r} needs the index of things, which is off in {self._region}. Without it a query is "
                "made of thingName:NAME or thingName:BEGIN*, thingTypeName:TYPE and one attributes.NAME:VALUE, joined "
                f"by AND. To turn the index on: aws iot update-indexing-configuration --region {self._region} "
                "--thing-indexing-configuration thingIndexingMode=REGISTRY"
            )
        paginator = self._client.get_paginator("list_things")
        pages = paginator.paginate(**parameters, PaginationConfig={"PageSize": PAGE_SIZE})
        return (name for name in _named(pages) if all(_matches(term, name) for term in names))

    @staticmethod
    def _parameters(terms: list[re.Match[str]]) -> dict[str, str] | None:
        """Return the parameters of ListThings; None if it cannot filter by all of them."""
        parameters: dict[str, str] = {}
        for term in terms:
            field, _, attribute = term["field"].partition(".")
            found = (
                {"attributeName": attribute, "attributeValue": term["value"]} if attribute else {field: term["value"]}
            )
            if term["any"] or parameters.keys() & found.keys():
                return None
            parameters |= found
        return parameters


def _named(pages: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    with converted():
        for page in pages:
            yield from (str(thing["thingName"]) for thing in page["things"])


def _matches(term: re.Match[str], name: str) -> bool:
    return name.startswith(term["value"]) if term["any"] else name == term["value"]
