"""What a launch left running: its stacks, table, stream mappings, roles, alarms and dead letters."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from iot_dr.errors import IotDrError
from iot_dr.model.launch.launched_stacks import REQUEST_QUEUES, LaunchedStack, MappingState, Need, TableState
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.model.status.checks import Check, failure, first_names, ok, warning
from iot_dr.model.words import counted
from iot_dr.ports.events import FailedRecords
from iot_dr.ports.status import Rights, RunningParts, StackReader
from iot_dr.services.concurrency import Together, one_by_one

CURRENT_GLOBAL_TABLES = "2019.11.21"
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_versions.html"""

GLOBAL_TABLE = "AWS::DynamoDB::GlobalTable"
MAPPING = "AWS::Lambda::EventSourceMapping"
ROLE = "AWS::IAM::Role"
_OFF = frozenset({"Disabled", "Disabling", "Deleting"})
_QUEUE_URL = "QueueUrl"
"""What the names of outputs end with that name a queue of what could not be handled."""

_REPLAYED = frozenset({"RuleErrorQueueUrl", "ShadowRuleErrorQueueUrl"})
"""Queues that `iot-dr replay` reads; what waits in the others is found by the sweep or told again by the device."""


@dataclass
class Stacks:
    """The stacks of a launch, each read once; what cannot be read is an answer to each question that needs it."""

    launch: Launch
    reader: StackReader
    _read: dict[tuple[str, str], LaunchedStack | IotDrError | None] = field(default_factory=dict)

    def read_all(self, together: Together = one_by_one) -> None:
        """Read each once."""
        self._read.update(together(self._read_one, self.launch.stacks))

    def _read_one(self, stack: tuple[str, str]) -> tuple[tuple[str, str], LaunchedStack | IotDrError | None]:
        try:
            return stack, self.reader.read(*stack)
        except IotDrError as error:
            return stack, error

    @property
    def primary(self) -> tuple[str, str]:
        """Return the Region and name of the stack with the rules and the tables."""
        return self.launch.regions.primary, self.launch.primary_stack

    @property
    def secondary(self) -> tuple[str, str]:
        """Return the Region and name of the stack that replicates."""
        return self.launch.regions.secondary, self.launch.secondary_stack

    @property
    def health_checkers(self) -> tuple[tuple[str, str], ...]:
        """Return the Regions and names of those that a launch may do without."""
        return tuple(stack for stack in self.launch.stacks if stack[1] == self.launch.health_checker_stack)

    def found(self, region: str, name: str) -> LaunchedStack | None:
        """Return a stack that is there and could be read."""
        found = self._read[region, name]
        return found if isinstance(found, LaunchedStack) else None

    def asked(self, region: str, name: str) -> LaunchedStack | None:
        """Return a stack, None if there is none; raises what reading it met."""
        found = self._read[region, name]
        if isinstance(found, IotDrError):
            raise found
        return found


def stack(stacks: Stacks, region: str, name: str, version: str) -> Iterator[Check]:
    """Tell whether a stack is there, settled, and of the tool's own release."""
    found = stacks.asked(region, name)
    if found is not None:
        yield _stack(found, version)
    elif (region, name) not in stacks.health_checkers:
        yield failure("stack", f"{name} is not there in {region}", "read the launch's settings: . ./toolsrc")


def _stack(found: LaunchedStack, version: str) -> Check:
    name, told = "stack", f"{found.name} {found.version} {found.status} in {found.region}"
    if found.status.endswith("_IN_PROGRESS"):
        return warning(name, f"{told}: not settled", "ask again when it is")
    if found.status.endswith("_FAILED") or found.status == "ROLLBACK_COMPLETE":
        mend = f"aws cloudformation describe-stack-events --region {found.region} --stack-name {found.name}"
        return failure(name, told, mend)
    if found.version.removeprefix("v") != version:
        return warning(
            name, f"{told}, and this tool is v{version}", "update the stacks, or take the tool of the stacks"
        )
    if "ROLLBACK" in found.status:
        return warning(name, f"{told}: the last update failed and was taken back", "update it again: iot-dr launch")
    return ok(name, told)


def tables(found: LaunchedStack, regions: RegionPair, parts: RunningParts) -> Iterator[Check]:
    """Tell whether the global tables of the primary's stack carry events to the secondary Region."""
    for table in found.of_type(GLOBAL_TABLE).values():
        yield _table(table, regions, parts.table(found.region, table))


def _table(table: str, regions: RegionPair, found: TableState | None) -> Check:
    name = "global table"
    if found is None:
        return failure(name, f"{table} is not there in {regions.primary}", "launch again: iot-dr launch")
    if found.version != CURRENT_GLOBAL_TABLES:
        mend = "have the stack of the primary Region make it; create-global-table makes the legacy version"
        return failure(name, f"{table} is of version {found.version or 'unknown'}, not {CURRENT_GLOBAL_TABLES}", mend)
    status = found.replicas.get(regions.secondary, "missing")
    if status != "ACTIVE":
        mend = f"aws dynamodb describe-table --region {regions.primary} --table-name {table}"
        return failure(name, f"the replica of {table} in {regions.secondary} is {status}", mend)
    return ok(name, f"{table}, replica in {regions.secondary} ACTIVE")


def mappings(found: LaunchedStack, parts: RunningParts) -> Iterator[Check]:
    """Tell whether what a stack's functions work on reaches them."""
    for title, uuid in found.of_type(MAPPING).items():
        yield _mapping(title, found.region, uuid, parts.mapping(found.region, uuid))


def _mapping(title: str, region: str, uuid: str, found: MappingState | None) -> Check:
    name = "mapping"
    if found is None:
        return failure(name, f"{title} is not there in {region}", "launch again: iot-dr launch")
    told = f"{title} {found.state} in {region}"
    if found.state in _OFF:
        mend = f"aws lambda update-event-source-mapping --region {region} --uuid {uuid} --enabled"
        return failure(name, f"{told}: nothing gets through", mend)
    if found.state != "Enabled":
        return warning(name, told, "ask again when it is settled")
    if found.last_result.startswith("PROBLEM"):
        return failure(name, f"{told}, last result: {found.last_result}", f"check its function's log in {region}")
    return ok(name, told)


def roles(region: str, needs: Collection[Need], rights: Rights) -> Iterator[Check]:
    """Tell whether the roles can do what they must, whatever policy, boundary or organization has a say in it."""
    name, lacking = "roles", 0
    for need in needs:
        denied = rights.denied(need)
        lacking += bool(denied)
        for reason in sorted(set(denied.values())):
            actions = [action for action, why in denied.items() if why == reason]
            found = f"{need.role} cannot do {first_names(actions)} in {need.region}: {reason}"
            yield failure(name, found, _mend_of(reason), sorted(actions))
    if not lacking:
        yield ok(name, f"{len({need.role for need in needs})} of {region} can do what they must")


def _mend_of(reason: str) -> str:
    if "organization" in reason:
        return "have the service control policies of the organization admit them"
    return "update the stack to restore its roles, or remove what denies them"


def dead_letter_queues(found: LaunchedStack, parts: RunningParts) -> Iterator[Check]:
    """Tell what waits in the queues of a stack that keep what could not be handled."""
    for output, url in found.outputs.items():
        if output.endswith(_QUEUE_URL) and output not in REQUEST_QUEUES:
            title, number = output.removesuffix("Url"), parts.waiting(found.region, url)
            yield _letters(title, output, url, found.region, number)


def _letters(title: str, output: str, url: str, region: str, number: int) -> Check:
    name = "dead letter queue"
    if not number:
        return ok(name, f"{title} is empty in {region}")
    found = f"{title} holds {number} in {region}"
    if output in _REPLAYED:
        return failure(name, found, "iot-dr replay")
    return warning(name, found, f"read them, then: aws sqs purge-queue --region {region} --queue-url {url}")


def kept_records(region: str, records: FailedRecords) -> Iterator[Check]:
    """Tell how many stream records were given up and are kept in the work bucket."""
    number = len(records.keys())
    if number:
        yield failure("kept stream records", f"{counted(number, 'object')} in {region}'s work bucket", "iot-dr replay")
    else:
        yield ok("kept stream records", f"none in {region}")


def alarms(found: LaunchedStack, parts: RunningParts) -> Iterator[Check]:
    """Tell which alarms of a stack ring."""
    name, ringing = "alarms", parts.ringing(found.region, found.name)
    for alarm, description in sorted(ringing.items()):
        yield failure(
            "alarm",
            f"{alarm} in {found.region}: {description}",
            "docs/operations/watch.md, Metrics and alarms, says what to do",
        )
    if not ringing:
        yield ok(name, f"none of {found.name} rings in {found.region}")
