"""The shadows of a Region's things as its index holds them, over an `iot` client.

https://docs.aws.amazon.com/iot/latest/developerguide/managing-index.html
"""

from __future__ import annotations

from typing import Any

from iot_dr.aws.errors import call
from iot_dr.aws.registry.selected_things import HITS
from iot_dr.model.registry.read_calls import Page
from iot_dr.model.shadows.index import IndexCoverage, indexed_shadows
from iot_dr.model.shadows.shadow import Shadow

REQUIRED_ACTIONS = frozenset({"iot:DescribeIndex", "iot:GetIndexingConfiguration", "iot:SearchIndex"})
"""Without them shadows are read one by one."""

INDEX = "AWS_Things"

EVERYTHING = "thingName:*"


class IotShadowIndex:
    """`ports.ShadowIndex` of one Region."""

    def __init__(self, client: Any, region: str) -> None:
        self._client = client
        self._region = region

    def coverage(self) -> IndexCoverage:
        """Read what is indexed; while the index is being built, its shadows cannot be searched."""
        answer = call(self._client.get_indexing_configuration)
        configured = answer.get("thingIndexingConfiguration") or {}
        mode = configured.get("thingIndexingMode", "OFF")
        names = (configured.get("filter") or {}).get("namedShadowNames") or ()
        named = frozenset(names) if configured.get("namedShadowIndexingMode", "OFF") == "ON" else frozenset()
        classic = mode == "REGISTRY_AND_SHADOW"
        if mode == "OFF" or not (classic or named):
            return IndexCoverage()
        status = call(self._client.describe_index, indexName=INDEX).get("indexStatus", "")
        if status != "ACTIVE":
            return IndexCoverage(why=f"the index of {self._region} is {status.lower() or 'not ready'}")
        return IndexCoverage(classic, named)

    def page(self, token: str) -> Page:
        """Search for a page of all things; a thing whose shadows it does not tell exactly is left out.

        Raises:
            InvalidResource: the token is no place in the answer (any more).
        """
        following = {"nextToken": token} if token else {}
        # The SDK has no paginator for this call.
        answer = call(self._client.search_index, indexName=INDEX, queryString=EVERYTHING, maxResults=HITS, **following)
        told: list[str] = []
        shadows: list[Shadow] = []
        for entry in answer.get("things", ()):
            try:
                shadows += indexed_shadows(entry["thingName"], entry.get("shadow") or "{}")
            except ValueError:
                continue
            told.append(entry["thingName"])
        return Page(tuple(shadows), answer.get("nextToken") or "", told=tuple(told))
