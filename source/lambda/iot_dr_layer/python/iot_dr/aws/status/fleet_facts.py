"""What the doctor asks of a Region's fleet: how large it is, how long certificates hold, whether groups are dynamic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from iot_dr.aws import errors
from iot_dr.errors import NotReadyYet, TerminalError
from iot_dr.model.registry.entities import Policy
from iot_dr.model.status.fleets import FleetSize, Sample, Validity

REQUIRED_ACTIONS = frozenset(
    {
        "iot:DescribeCertificate",
        "iot:DescribeThingGroup",
        "iot:GetPolicy",
        "iot:GetStatistics",
        "iot:ListCertificates",
        "iot:ListPolicies",
        "iot:ListTargetsForPolicy",
        "iot:ListThingGroups",
        "iot:ListThings",
    }
)
"""What the operator needs in both Regions."""

PAGE_SIZE = 250
COUNTED_PAGES = 40
"""How far things are counted by their list where the index does not count them, and all else: 10,000."""

_CERTIFICATE = ":cert/"


class IotFleetFacts:
    """One Region's fleet, over an `iot` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def size(self) -> FleetSize:
        """Count the things: by the index in one call, else by their list as far as it takes no minute."""
        try:
            answer = errors.call(self._client.get_statistics, queryString="thingName:*")
            return FleetSize(int(answer["statistics"]["count"]))
        except (NotReadyYet, TerminalError):
            return self._counted()

    def _counted(self) -> FleetSize:
        paginator = self._client.get_paginator("list_things")
        pages = paginator.paginate(PaginationConfig={"PageSize": PAGE_SIZE, "MaxItems": PAGE_SIZE * COUNTED_PAGES})
        with errors.converted():
            things = sum(len(page["things"]) for page in pages)
        return FleetSize(things, exact=pages.resume_token is None)

    def oldest(self, number: int) -> Iterator[Validity]:
        """Yield the certificates that were registered first, one call each."""
        paginator = self._client.get_paginator("list_certificates")
        with errors.converted():
            pages = paginator.paginate(ascendingOrder=True, PaginationConfig={"PageSize": PAGE_SIZE})
            identifiers = (one["certificateId"] for page in pages for one in page["certificates"])
            yield from self._validities(islice(identifiers, number))

    def of_policy(self, policy: str) -> Iterator[Validity]:
        """Yield the certificates that a policy is attached to; none if there is no such policy."""
        paginator = self._client.get_paginator("list_targets_for_policy")
        try:
            with errors.converted():
                targets = [one for page in paginator.paginate(policyName=policy) for one in page["targets"]]
        except NotReadyYet:
            return
        yield from self._validities(iter(one.partition(_CERTIFICATE)[2] for one in targets if _CERTIFICATE in one))

    def _validities(self, identifiers: Iterator[str]) -> Iterator[Validity]:
        for identifier in identifiers:
            answer = errors.read(self._client.describe_certificate, certificateId=identifier)
            if answer is not None:  # deleted since the list was read
                yield _validity(answer["certificateDescription"])

    def first_dynamic_group(self) -> str:
        """Return the name of a thing group that a query fills; empty if there is none."""
        paginator = self._client.get_paginator("list_thing_groups")
        with errors.converted():
            pages = paginator.paginate(recursive=True, PaginationConfig={"PageSize": PAGE_SIZE})
            names = (group["groupName"] for page in pages for group in page["thingGroups"])
            return next((name for name in names if self._is_dynamic(name)), "")

    def policies(self, number: int) -> tuple[Sequence[Policy], Sample]:
        """Return the policies that are listed first, at most so many, one call each, and of how many these are."""
        listed, sample = self._listed("list_policies", "policies", number)
        read = (errors.read(self._client.get_policy, policyName=one["policyName"]) for one in listed)
        # None is one that was deleted since the list was read.
        return [Policy(one["policyName"], one["policyDocument"]) for one in read if one is not None], sample

    def _listed(self, operation: str, entries: str, number: int) -> tuple[Sequence[dict[str, Any]], Sample]:
        """Return the first so many of a list, and of how many these are, as far as they take no minute to count."""
        paginator = self._client.get_paginator(operation)
        pages = paginator.paginate(PaginationConfig={"PageSize": PAGE_SIZE, "MaxItems": PAGE_SIZE * COUNTED_PAGES})
        with errors.converted():
            listed = [one for page in pages for one in page[entries]]
        first = listed[:number]
        return first, Sample(len(first), len(listed), exact=pages.resume_token is None)

    def _is_dynamic(self, name: str) -> bool:
        answer = errors.read(self._client.describe_thing_group, thingGroupName=name)
        return answer is not None and bool(answer.get("queryString"))


def _validity(description: dict[str, Any]) -> Validity:
    not_after: datetime | None = description.get("validity", {}).get("notAfter")
    return Validity(
        description["certificateId"],
        int(not_after.timestamp() * 1000) if not_after else None,
        description["status"] == "ACTIVE",
    )
