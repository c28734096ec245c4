"""What each mend would be without it: reverts that the simulation must find a broken rule for.

A revert is a few texts of the package and what they were before, and a search that brings its story out soon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Edit:
    """A text of a module of the package that stands there once, and what takes its place."""

    module: str
    text: str
    instead: str

    def path(self, package: Path, tests: Path) -> Path:
        """Return where it stands, beside which folder `tests` or in the package."""
        return (tests if self.module.startswith("tests/") else package) / self.module

    def apply(self, package: Path, tests: Path) -> None:
        """Change a copy of the package, or of the folder `tests`, which stands in the folder that is given.

        Raises:
            LookupError: the module does not have the text once: the revert has to follow the code.
        """
        path = self.path(package, tests)
        found = path.read_text(encoding="utf-8")
        if found.count(self.text) != 1:
            raise LookupError(f"{self.module} does not have this once: {self.text}")
        path.write_text(found.replace(self.text, self.instead), encoding="utf-8")


@dataclass(frozen=True)
class Revert:
    """A mend taken back: its name, the edits, the rules of which one must break, and where to search for it."""

    name: str
    edits: tuple[Edit, ...]
    rules: tuple[str, ...]
    verbs: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    runs: int = 8_000
    """Seeds within which it must be found."""
    test: str = ""
    """The test that must fail instead, where a story is too rare to be found in minutes."""


EVENTS_ALONE = {"trail": True, "lost": 0.0, "sweeps": False, "syncs": [], "shadows": False, "once_more": False}
"""Every change raises an event that arrives, and no sweep mends anything; what the ledger notes has to do alone."""

CALM = EVENTS_ALONE | {"fault_rate": 0.0, "doubled": 0.0, "refuses": False}
"""Nothing fails either: order alone."""

SYNCED = EVENTS_ALONE | {
    "lost": 0.5,
    "fault_rate": 0.0,
    "replicated": True,
    "syncs": [0, 1000, 5000, 10000, 30000, 60000],
}
"""An operator syncs beside the customers; what no event tells of is there to be synced."""

TROUBLE = {"trail": True, "lost": 0.0, "sweeps": False, "syncs": [], "fault_rate": 0.3, "once_more": False}
"""Three calls in ten fail."""

LATE_EVENTS = EVENTS_ALONE | {"fault_rate": 0.0, "slow_events": 0.5, "doubled": 0.3}
"""Every other event comes late, up to two minutes."""

SHADOWS = TROUBLE | {"shadows": True, "late": True, "functions": 4}
SHADOW_CHANGES = ("write shadow", "flip shadow", "delete shadow", "replace shadow")
LIES = ("lie", "different", "valid", "orphan")

FAILOVERS = {"failover": True}
"""Regions fail, and others write in the secondary."""

FAILBACKS = {"failover": True, "failback": True}
"""Afterwards an operator fails back, while customers and devices go on in both Regions."""

OVERWRITTEN = ("overwritten", "device")

_APPLY = "services/sync/apply_change.py"
_FAILBACK = "services/failback/failback.py"
_FAILBACK_RULES = "reconcile/failback.py"
_FOLLOW = "services/failover/follow_order.py"
_GATE = "services/gate.py"
_LEDGER = "aws/ledger/ledger.py"
_FAKES = "tests/fakes.py"
_PLANNED = "services/failback/planned.py"
_QUEUES = "runtime/functions/run_workflow.py"
_RUN = "services/replication/run_workflow.py"
_SHADOWS = "services/shadows/replicate.py"
_SUPERSEDING = "services/replication/superseding.py"
_REPLICATE = "services/replication/replicate.py"
_MARKS = "model/replication/marks.py"
_SWEEP = "services/sweep.py"
_RETRY = "services/replication/retry.py"

REVERTS: tuple[Revert, ...] = (
    Revert(
        "what hangs on a policy or group that comes is not checked",
        (
            Edit(
                _REPLICATE,
                "        self._note_far_ends(todo, work, self._ledger.gone(held) if held else frozenset())\n",
                "",
            ),
        ),
        ("far",),
        ("replace policy", "attach policy"),
        CALM | {"trail": False, "sweeps": True},
    ),
    Revert(
        "nothing is marked but what is written",
        (Edit(_REPLICATE, "below=_below(todo) | along | {work.key}", "below=()"),),
        ("lie", "different"),
        ("attach policy", "attach certificate"),
        CALM,
    ),
    Revert(
        "a write may rest on a reading that another request has overtaken",
        (Edit(_REPLICATE, "            began=work.began,\n            unless_gone=", "            unless_gone="),),
        ("lie", "different", "orphan", "evidence"),
        ("flip", "set attributes", "retire", "provision"),
        CALM,
    ),
    Revert(
        "a request that finds another's mark concludes all the same",
        (
            Edit(
                _MARKS,
                "return Certainty.UNSURE if others or self.closed_at >= began else Certainty.SURE",
                "return Certainty.SURE",
            ),
        ),
        ("lie", "different", "orphan"),
        ("attach policy", "attach certificate", "set attributes"),
        CALM,
    ),
    Revert(
        "a mark that was taken off during the reading counts for nothing",
        (Edit(_MARKS, "if others or self.closed_at >= began else", "if others else"),),
        ("lie", "different", "orphan"),
        ("attach refused",),
        EVENTS_ALONE | {"functions": 8, "replicated": True, "refuses": False, "kinds": ["slow"], "fault_rate": 0.15},
    ),
    Revert(
        "what waits is started again each minute",
        (
            Edit(
                _RETRY,
                "put_off = self._together(lambda key: self._ledger.postpone(key, now), due)",
                "put_off = [True for _ in due]",
            ),
        ),
        ("storm", "restless"),
        ("provision", "retire", "set attributes"),
        EVENTS_ALONE | {"fault_rate": 0.3, "functions": 1, "doubled": 0.0, "kinds": ["throttled", "unavailable"]},
    ),
    Revert(
        "a refused sweep starts nothing, revocations neither",
        (
            Edit(
                _SWEEP,
                "            refused = str(error)\n",
                "            return Swept(0, 0, 0, refused=str(error))\n",
            ),
        ),
        ("valid",),
        ("set status", "set status", "retire", "change billing group", "change group", "replace policy"),
        {
            "trail": False,
            "lost": 1.0,
            "replicated": True,
            "sweeps": True,
            "careful": True,
            "fault_rate": 0.0,
            "shadows": False,
            "syncs": [],
        },
    ),
    Revert(
        "a thing without certificate waits for ever",
        (
            Edit(
                "services/replication/settling.py",
                "    return State.IN_SYNC, NO_POLICY_IN_SOURCE_EITHER if seen else NONE_IN_SOURCE_EITHER, True\n",
                "    return State.PENDING, NO_CERTIFICATE, True\n",
            ),
        ),
        ("pending",),
        ("provision", "attach certificate"),
        CALM,
    ),
    Revert(
        "who is in a group that goes is not read where its event told of the group alone",
        (
            Edit(
                "services/replication/scopes.py",
                " and self._depth is Depth.OWN and not self._goes(key):",
                " and self._depth is Depth.OWN:",
            ),
        ),
        ("leak", "different", "lie"),
        ("change group", "move member"),
        EVENTS_ALONE,
    ),
    Revert(
        "what a refusal leaves unmade stays owned",
        (
            Edit(
                _REPLICATE,
                "        for at in sorted(set(unmade.values())):\n            self._ledger.disown",
                "        for at in ():\n            self._ledger.disown",
            ),
        ),
        ("leak",),
        ("attach refused", "provision"),
        {"trail": False, "refuses": True, "shadows": False, "fault_rate": 0.0},
    ),
    Revert(
        "pauses do not grow with the tries",
        (
            Edit(
                "aws/ledger/ledger.py",
                "return min(FIRST_PAUSE << min(attempts - 1, 20), longest_pause(state))",
                "return FIRST_PAUSE",
            ),
        ),
        ("restless",),
        ("attach refused", "provision"),
        {"refuses": True, "shadows": False, "fault_rate": 0.0},
    ),
    Revert(
        "sync makes what it read long ago",
        (Edit(_APPLY, "found = self._source.now(change.key, since)", "found = change.desired"),),
        LIES,
        ("attach policy", "attach certificate", "provision"),
        SYNCED,
    ),
    Revert(
        "sync neither marks nor confirms what no version guards",
        (
            Edit(
                _APPLY,
                "                return found is not None and translate(found, self._direction) == desired\n",
                "                return True\n",
            ),
            Edit(
                "services/sync/marking.py",
                "        case Update(desired=ThingGroup() | BillingGroup()):\n",
                "        case Update():\n",
            ),
        ),
        LIES,
        ("write policy", "set status"),
        SYNCED,
    ),
    Revert(
        "a shadow's write that no version guards notes no other request",
        (Edit(_SHADOWS, "owned_at=owned_at, unsure_until=unsure_until)", "owned_at=owned_at)"),),
        LIES,
        SHADOW_CHANGES,
        SHADOWS,
    ),
    Revert(
        "a worker takes back another's doubt about a shadow",
        (Edit(_SHADOWS, "alone = note.is_sure(known.begun, task.unsure_until)", "alone = True"),),
        LIES,
        SHADOW_CHANGES,
        SHADOWS,
    ),
    Revert(
        "a shadow is deleted without an empty update before",
        (Edit(_SHADOWS, "            self._target.update(task.key, {}, copy.version)\n", "            pass\n"),),
        (*LIES, "evidence"),
        SHADOW_CHANGES,
        SHADOWS,
    ),
    Revert(
        "an event that follows a shadow's deletion is believed",
        (Edit("reconcile/shadows.py", "event.document is None or note.deleted or", "event.document is None or"),),
        LIES,
        SHADOW_CHANGES,
        SHADOWS,
    ),
    Revert(
        "a shadow that is as it should be is left alone though an older write may land",
        (Edit(_SHADOWS, "        if note.is_settled and not change:\n", "        if not change:\n"),),
        LIES,
        ("flip shadow",),
        SHADOWS | {"kinds": ["timed out", "killed"], "fault_rate": 0.15, "slow_events": 0.0, "doubled": 0.0},
    ),
    Revert(
        "what an event tells ends that a shadow waits",
        (Edit(_SHADOWS, "stands_so = sure and (known.asked or not note.is_waiting)", "stands_so = sure"),),
        LIES,
        ("write shadow", "hold back"),
        SHADOWS | {"fault_rate": 0.1, "slow_events": 0.5},
    ),
    Revert(
        "a shadow that is held back is checked a day later",
        (Edit(_SHADOWS, "outcome.at + HELD_FOR)", "outcome.at + 288 * HELD_FOR)"),),
        LIES,
        (*SHADOW_CHANGES, "hold back"),
        SHADOWS,
    ),
    Revert(
        "a message is deleted though its requests were not handled",
        (
            Edit(
                _QUEUES,
                "            _show_again(queues, delivery, log)\n            return False\n",
                "            _show_again(queues, delivery, log)\n            return True\n",
            ),
        ),
        ("lost",),
        (),
        TROUBLE,
    ),
    Revert(
        "of messages taken together one alone comes again",
        (Edit("model/replication/messages.py", "(*first.receipts, *second.receipts)", "first.receipts"),),
        ("lost",),
        (),
        TROUBLE,
    ),
    Revert(
        "requests that met a busy AWS are lost",
        (
            Edit(
                _RUN,
                "        if run.busy:\n            self.queues.send([message.put_off()])\n",
                "        if run.busy:\n",
            ),
        ),
        ("lost",),
        (),
        TROUBLE,
    ),
    Revert(
        "requests that let others go first are lost",
        (Edit(_RUN, "            self.queues.send([self._stepped_back(message)])\n", ""),),
        ("lost",),
        (),
        TROUBLE,
    ),
    Revert(
        "requests that there was no time for are lost",
        (Edit(_RUN, "        self.queues.send([replace(message, delay=0)])\n", ""),),
        ("lost",),
        (),
        TROUBLE,
    ),
    Revert(
        "requests whose worker failed are lost",
        (Edit(_RUN, "            self.queues.send(_one_by_one(message))\n", ""),),
        ("lost",),
        (),
        TROUBLE,
    ),
    Revert(
        "requests that were handed out too often are lost",
        (
            Edit(
                _RUN,
                "                record_failure(request, UNFINISHED, cause, ledger=self.ledger, clock=self.clock)\n",
                "                pass\n",
            ),
        ),
        ("lost",),
        (),
        TROUBLE,
    ),
    Revert(
        "requests that are to come again are lost",
        (
            Edit(
                _RUN, "        self.queues.send(messages(run.again, self.clock(), background=message.background))\n", ""
            ),
        ),
        LIES,
        (),
        TROUBLE,
    ),
    Revert(
        "a late request is left out though the reading was not whole",
        (
            Edit(
                _SUPERSEDING,
                "            return read.whole_began\n",
                "            return read.began\n",
            ),
        ),
        LIES,
        ("replace thing", "move member", "set attributes"),
        LATE_EVENTS | {"implicit": False},
    ),
    Revert(
        "a late request is left out though the reading may have begun before its event",
        (Edit(_SUPERSEDING, "read) > since + MARGIN", "read) > since"),),
        LIES,
        ("write policy", "attach policy", "set status"),
        LATE_EVENTS,
    ),
    Revert(
        "a request that fails takes its mark off what it was to make",
        (Edit(_REPLICATE, "work.mark.keys - (work.touched - work.denied)", "work.mark.keys"),),
        ("leak",),
        ("attach policy", "attach certificate", "retire", "provision"),
        EVENTS_ALONE | {"fault_rate": 0.5, "late": True},
    ),
    Revert(
        "the gate admits everything",
        (Edit(_GATE, "return standing(self._region, self._reader.leadership())", "return OPEN"),),
        OVERWRITTEN,
        (),
        FAILOVERS,
    ),
    Revert(
        "the fence is asked once, and not after a conflict",
        (
            Edit(
                _REPLICATE,
                "        now = self._gate.standing()\n        if now.closed:",
                "        self._now = now = self._gate.standing() if not work.overtaken else self._now\n"
                "        if now.closed:",
            ),
        ),
        ("overwritten",),
        ("order secondary", "set attributes", "set attributes", "set attributes there", "set attributes there"),
        {"fault_rate": 0.05, "kinds": ["slow"], "functions": 8},
    ),
    Revert(
        "what is held is tried again by the schedule",
        (
            Edit(
                _REPLICATE,
                "state, reason, again = State.HELD, _held_reason(work), False",
                "state, reason, again = State.HELD, _held_reason(work), True",
            ),
        ),
        ("held", "restless"),
        (),
        FAILOVERS,
    ),
    # The stream's function tells it at once, and the watch a minute later.
    Revert(
        "an order that the replica lost is not told again",
        (
            Edit(_FOLLOW, "elif found.fence.leads and found.control.epoch < found.fence.epoch:", "elif False:"),
            Edit("services/failover/watch.py", "if self.lead.unfinished(known):", "if False:"),
        ),
        ("epoch", "answer"),
        ("order secondary", "order primary", "part replicas", "part replicas"),
        {"fault_rate": 0.0},
    ),
    Revert(
        "what a device has just written is taken for replication's own by a check that finds nothing to do",
        (Edit(_SHADOWS, "if copy.written_at + self._kept_for > self._clock() or self._leads():", "if False:"),),
        ("device",),
        (),
        FAILOVERS,
    ),
    Revert(
        "a deletion that comes before the watch takes away what a device has just written",
        (
            Edit(
                _SHADOWS,
                "        if kept := self._kept(task, note, copy):\n            return kept\n        if leads",
                "        if leads",
            ),
        ),
        ("device",),
        ("primary unwell", "device writes", "device writes", "write shadow", "delete shadow"),
        {"replicated": True},
    ),
    Revert(
        "under an open claim, what a device has just written is taken for another worker's",
        (
            Edit(
                _SHADOWS,
                "        if not note.is_foreign(copy):\n            return None\n        until",
                "        if not note.is_foreign(copy) or not note.is_settled:\n            return None\n        until",
            ),
        ),
        ("device",),
        ("primary unwell", *["device writes"] * 3, *["write shadow"] * 2, "flip shadow"),
        {"replicated": True},
    ),
    Revert(
        "what the ledger knew is made again in a Region that leads",
        (Edit(_REPLICATE, "fill_in(todo, self._ledger.known(made) if made else ())", "fill_in(todo, ())"),),
        ("overwritten",),
        (),
        FAILOVERS,
    ),
    Revert(
        "what AWS refuses because of something that is held has failed",
        (Edit(_REPLICATE, "if work.held and all(", "if False and all("),),
        ("different",),
        ("order secondary", "move member", "move member", "change group"),
        CALM | {"replicated": True},
    ),
    Revert(
        "a failback takes a shadow for untouched whose device came back to the state of before",
        (
            Edit(
                _FAILBACK_RULES,
                "return _of_shadows(touched=in_leader or leader.version > base.version > 0)",
                "return _of_shadows(touched=in_leader)",
            ),
        ),
        ("writes",),
        (),
        FAILBACKS,
    ),
    # A worker must end between its write of a shadow and its note, and a device write the state of before.
    Revert(
        "a failback does not know what an open write has left",
        (
            Edit(
                "aws/ledger/bases.py",
                'version=int(item.get("copy_version", {}).get("N", 0))',
                'version=int(item.get("copy_version", {}).get("N", 0)) * ("begun" not in item)',
            ),
        ),
        ("writes",),
        (),
        FAILBACKS,
        test="tests/unit/iot_dr/aws/ledger/test_bases.py::"
        "test_of_a_shadow_the_version_is_told_that_replication_has_left",
    ),
    Revert(
        "a failback writes over what was made in the old primary since the plan",
        (Edit(_PLANNED, "return isinstance(change, Update) and _completes(change)", "return True"),),
        ("planned",),
        (),
        FAILBACKS,
    ),
    Revert(
        "a failback writes over what was changed since the plan",
        (Edit(_PLANNED, "        return _is_as_planned(change.actual, there)\n", "        return True\n"),),
        ("planned",),
        (),
        FAILBACKS,
    ),
    Revert(
        "a failback sets a certificate that was revoked since the plan to what the plan says",
        (Edit(_PLANNED, "if isinstance(change, Update) and _loosens(change):", "if False:"),),
        ("looser",),
        ("order secondary", "fail back", "provision", "set status", "set status", *["set status there"] * 3),
        {"replicated": True, "fault_rate": 0.0},
    ),
    Revert(
        "a failback deletes what it was not asked to",
        (Edit(_FAILBACK_RULES, "    if choices.with_deletes:\n", "    if True:\n"),),
        ("consent",),
        (),
        FAILBACKS,
    ),
    Revert(
        "nothing is checked again after a failback that was held",
        (
            Edit(_FAILBACK, "            self.held.release(batch, self.clock())\n", "            pass\n"),
            Edit(_RETRY, "        if not standing.refusal:\n", "        if False:\n"),
        ),
        ("held",),
        (),
        FAILBACKS,
    ),
    # A worker must be told that the target leads right before it follows again, and note it after all was released.
    Revert(
        "what a worker notes as held after a failback stays so",
        (Edit(_RETRY, "        if not standing.refusal:\n", "        if False:\n"),),
        ("held",),
        (),
        FAILBACKS,
        test="tests/unit/iot_dr/services/replication/test_retry.py::"
        "test_what_a_worker_noted_as_held_after_a_failback_had_released_all_is_checked_once_the_region_follows",
    ),
    # A worker must have begun to make a certificate that the old primary then deletes, and no other tell of it.
    Revert(
        "a failback brings back what replication was about to make",
        (
            Edit(
                _FAILBACK_RULES,
                "    if not (base.known or base.begun):\n",
                "    if not base.known:\n",
            ),
        ),
        ("looser",),
        (),
        FAILBACKS,
        test="tests/unit/iot_dr/reconcile/test_failback.py::"
        "test_what_replication_was_about_to_make_and_the_leader_has_was_deleted_in_the_old_primary",
    ),
    Revert(
        "what is held back and was not made stays owned",
        (Edit(_REPLICATE, "        if work.held:\n            self._disown_unmade(work)\n", ""),),
        ("leak",),
        (),
        FAILBACKS,
        test="tests/unit/iot_dr/services/test_gate.py::"
        "test_what_was_to_be_made_and_then_is_held_back_is_not_taken_for_something_that_was_there",
    ),
    Revert(
        "a note of how a copy stands counts as a write of what it holds",
        (Edit(_SHADOWS, "known.source, writes=False)", "known.source)"),),
        ("device",),
        (),
        FAILOVERS,
        test="tests/unit/iot_dr/services/shadows/test_replicate.py::"
        "test_what_a_device_wrote_and_the_primary_has_too_stays_the_devices_though_its_note_was_never_ended",
    ),
    # Two writes of one request must fail at once, one of them unanswered, and it must land when all else is over.
    Revert(
        "a request that fails takes its mark off what AWS did not answer",
        (Edit(_REPLICATE, "        if work.mark and not work.unanswered:\n", "        if work.mark:\n"),),
        LIES,
        (),
        {},
        test="tests/unit/iot_dr/services/replication/test_replicate.py::"
        "test_a_mark_stays_on_what_aws_did_not_answer_though_it_refused_another_write_of_the_request",
    ),
    Revert(
        "a mark is taken off though it could not be noted that nothing was made",
        (Edit("services/sync/marking.py", "self._leave(key, whole=noted)", "self._leave(key, whole=True)"),),
        ("leak",),
        (),
        FAILBACKS,
        test="tests/unit/iot_dr/services/sync/test_marking.py::"
        "test_where_it_cannot_be_noted_that_nothing_was_made_the_mark_goes_on_to_say_so",
    ),
    Revert(
        "a request for less takes what a request for everything found held for over",
        (
            Edit(_LEDGER, 'dict[str, Any] = {"noted_whole": True} if outcome.whole else {}', "dict[str, Any] = {}"),
            Edit(_FAKES, "note.noted_whole = note.held and outcome.whole", "note.noted_whole = False"),
        ),
        LIES,
        (),
        FAILBACKS,
        test="tests/contract/test_ledger.py::"
        "test_what_a_request_for_everything_found_held_only_another_such_tells_to_be_over[fake]",
    ),
    Revert(
        "what both Regions have held counts as never made once it is to be made anew",
        (
            Edit(_LEDGER, '"read_at", "source_id", "digest")', '"read_at", "source_id")'),
            Edit(_FAKES, "bool(self.read.began or self.digest)", "bool(self.read.began)"),
        ),
        OVERWRITTEN,
        (),
        FAILBACKS,
        test="tests/contract/test_ledger.py::"
        "test_what_both_regions_have_held_is_known_though_another_is_about_to_make_it_anew[fake]",
    ),
    # The ledger of the simulation is a fake, which tests/contract holds to the table; so it is taken back in both.
    Revert(
        "what is found equal beside another writer keeps the pause of what failed",
        (
            Edit(_LEDGER, "if outcome.partial or outcome.state is State.ABSENT:", "if True:"),
            Edit(_FAKES, "min(again, note.next_attempt)\n            note.rest()\n", "min(again, note.next_attempt)\n"),
        ),
        ("waits",),
        (),
        TROUBLE,
    ),
)
