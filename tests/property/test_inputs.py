"""Whatever is typed, sent or read from a file: one clear error, or the record is set aside; never a traceback.

`pytest -n0 tests/property/test_inputs.py --hypothesis-profile search` checks 2,000 examples of each kind.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from botocore.session import Session
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from iot_dr.cli.main import COMMANDS, cli
from iot_dr.cli.view.texts import visible
from iot_dr.errors import ConfigurationError, EventError, InvalidResource
from iot_dr.files.snapshot_folder import KINDS, FolderSnapshotStore
from iot_dr.model.events.dead_letters import event_item, read_invocation, read_rule_error
from iot_dr.model.events.registry_events import decode
from iot_dr.model.launch.toolsrc import parse
from iot_dr.model.registry.documents import canonical
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.replication.messages import RequestMessage
from iot_dr.model.shadows.shadow import decode_shadow_event
from iot_dr.observability.logs import logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.runtime.commands.settings import toolsrc
from iot_dr.runtime.functions import stream_batches
from iot_dr.runtime.functions.stream_batches import StreamReader
from tests.builders import (
    a_group_payload,
    a_management_payload,
    a_membership_payload,
    a_stream_record,
    a_thing_payload,
    a_type_payload,
    an_item,
    iot_arn,
)

# What a process can be given: no NUL, and bytes that are no UTF-8 as halves of pairs.
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0") | st.sampled_from("\udc80\udcff"))
odd = st.sampled_from(
    (
        *("", " ", "-", "--", "[/]", "\x1b[2J", "\x9b", "../..", "/dev/full", "s3://", "s3://b", "s3://[::1/k"),
        *("ftp://x", "(a+)+b", "thingName:*", "us-east-1", "us-west-2", "1e999", "-1", "nan", "9" * 400, "thing#a"),
        *("#", "yes", "json", "\udc80"),
    )
)
values = words | odd

ILL_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from([10**400, "1e999", "NaN", "\ud800", {}, []]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)
DEEP = (
    *("[" * 100_000, '{"a":' * 3_000 + "1" + "}" * 3_000, '{"a":1e999}', '{"a":' + "9" * 5_000 + "}"),
    *("\ufeff{}", "nul"),
)

PAYLOADS = (
    a_thing_payload(),
    a_type_payload(),
    a_group_payload(),
    a_membership_payload(),
    a_management_payload("UpdateCertificate", {"certificateId": "0af3"}),
    a_management_payload("AttachPolicy", {"policyName": "p", "target": iot_arn("cert/0af3")}),
)


@st.composite
def garbled(draw: st.DrawFn, whole: dict[str, Any]) -> dict[str, Any]:
    """Draw an object in which some members are of another kind, missing, or too many."""
    made = dict(whole)
    for name in draw(st.lists(st.sampled_from(sorted(whole)), max_size=3)):
        if draw(st.booleans()):
            made[name] = draw(ILL_JSON)
        else:
            made.pop(name, None)
    return made | draw(st.dictionaries(st.text(max_size=5), ILL_JSON, max_size=1))


def texts_of(values_of: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """Draw JSON texts, and texts that are none."""
    return values_of.map(json.dumps) | st.text() | st.sampled_from(DEEP)


# The command line

VARIABLES = (
    *("PRIMARY_REGION", "SECONDARY_REGION", "STACK_POSTFIX", "UUID", "LEDGER_TABLE", "VERSION"),
    "SHADOW_NAME_PATTERN",
)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Draw a command with options that it has, with and without values that they admit, and with anything else."""
    name = draw(st.sampled_from(COMMANDS))
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    said = [name]
    for parameter in draw(st.lists(st.sampled_from(command.params), max_size=6)):
        said += _words_of(draw, parameter)
    said += draw(st.lists(values, max_size=2))
    return said


def _words_of(draw: st.DrawFn, parameter: click.Parameter) -> list[str]:
    if isinstance(parameter, click.Argument):
        return [draw(values)]
    option = draw(st.sampled_from([*parameter.opts, *parameter.secondary_opts]))
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [option]
    choices = parameter.type.choices if isinstance(parameter.type, click.Choice) else ()
    value = draw(st.sampled_from([str(one) for one in choices]) | values if choices else values)
    return [option, value] if draw(st.booleans()) else [f"{option}={value}"]


WITHOUT_AWS = frozenset({"cost", "history"})
"""Commands that have something to tell where no AWS is."""


@pytest.fixture(scope="module")
def away() -> Iterator[Path]:
    """A folder of its own, and an AWS that cannot be reached."""

    def none(*_: object, **__: object) -> None:
        raise ConfigurationError("no AWS here")

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(Session, "create_client", none)
        patch.setattr(toolsrc, "read_settings", lambda *_: "export LEDGER_TABLE=ledger\n")
        patch.chdir(folder)
        yield Path(folder)


@given(
    said=command_lines(),
    environ=st.dictionaries(
        st.sampled_from(VARIABLES),
        values,
    ),
)
@example(said=["verify", "--shadow-name-pattern", "(a+)+b"], environ={})
@example(said=["sync", "--select", ""], environ={})
@example(said=["restore", "\udc80"], environ={"PRIMARY_REGION": "us-east-1"})
@example(said=["snapshot", "s3://[/]"], environ={"PRIMARY_REGION": "us-east-1"})
@example(said=["snapshot", "s3://[::1", "--of", "primary"], environ={"PRIMARY_REGION": "us-east-1"})
@example(said=["prove", "--clean", "iot-dr-trial-00000000-000000-0000"], environ={"PRIMARY_REGION": "a"})
def test_whatever_is_typed_ends_in_one_error_and_exit_code_2(
    away: Path, said: list[str], environ: dict[str, str]
) -> None:
    result = CliRunner().invoke(cli, said, env={**environ, "HOME": str(away)}, prog_name="iot-dr")

    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    helped = not {"-h", "--help"}.isdisjoint(said)
    assert result.exit_code == 2 or helped or said[0] in WITHOUT_AWS, result.output
    assert visible(result.output) == result.output
    assert "Traceback" not in result.output


# What functions are sent


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
@given(data=st.data())
def test_whatever_a_registry_event_is_it_is_read_or_refused(number: int, data: st.DataObject) -> None:
    text = data.draw(texts_of(garbled(PAYLOADS[number])))
    item = an_item(base64.b64encode(text.encode("utf-8", "surrogatepass")).decode())

    _read_or(EventError, lambda: decode(data.draw(garbled(item))))
    _read_or(EventError, lambda: decode(item))


@given(st.data())
def test_whatever_a_shadow_event_is_it_is_read_or_refused(data: st.DataObject) -> None:
    state = data.draw(texts_of(garbled({"desired": {"a": 1}, "reported": {"b": [1, 2]}})))
    item = {
        "resource": "pump-17",
        "event_id": "e",
        "operation": data.draw(st.sampled_from(["updated", "deleted", "UPDATED", "DELETED"])),
        "version": 7,
        "timestamp": 1_764_000_000,
        "accepted_at": 1_764_000_000_000,
        "payload": base64.b64encode(state.encode("utf-8", "surrogatepass")).decode(),
    }

    _read_or(EventError, lambda: decode_shadow_event(data.draw(garbled(item))))


class Kept:
    """A bucket that counts what it is given."""

    def __init__(self) -> None:
        self.number = 0

    def put_object(self, **_: object) -> dict[str, object]:
        self.number += 1
        return {}


@given(st.lists(st.sampled_from(PAYLOADS).flatmap(garbled) | st.sampled_from(DEEP), min_size=1, max_size=5))
def test_of_a_batch_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(payloads: list[Any]) -> None:
    bucket = Kept()
    items = [an_item(base64.b64encode(one.encode()).decode() if isinstance(one, str) else one) for one in payloads]
    records = [a_stream_record(item, str(number)) for number, item in enumerate(items)]
    good = a_stream_record(an_item(a_thing_payload("good")), "1000")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream_batches, "client", lambda _service, **_: bucket)
        reader = StreamReader(decode, "work", logger("test"), ReplicationMetrics("test"))

        batch = reader.read({"Records": [*records, good]})

    assert batch.events["1000"].key == Key(Kind.THING, "good")
    assert (len(batch.events) + bucket.number, batch.failed) == (len(records) + 1, ())


REQUEST = {"kind": "thing", "name": "pump-17", "other": "", "occurred_at": 1, "looks": 1, "depth": "everything"}
CARRIED = {"attributes": {"a": "b"}, "type_name": "", "version": 1, "thing_id": "x"}


@given(st.data())
def test_whatever_a_message_of_requests_is_it_is_read_or_refused(data: st.DataObject) -> None:
    requests = st.lists(garbled({**REQUEST, "carried": CARRIED}) | garbled(REQUEST) | ILL_JSON, max_size=2)
    body = data.draw(texts_of(st.fixed_dictionaries({"looks": requests}, optional={"returned": ILL_JSON})))

    _read_or(EventError, lambda: RequestMessage.read(body, background=False))


TOPICS = ("$aws/events/thing/pump-17/created", "$aws/things/pump-17/shadow/update/documents", "x")


@given(st.data())
def test_whatever_waits_in_an_error_queue_is_read_or_refused(data: st.DataObject) -> None:
    payload = data.draw(texts_of(garbled({"current": {"version": 1}, "timestamp": 1, "version": 2, "eventType": "x"})))
    original = base64.b64encode(payload.encode("utf-8", "surrogatepass")).decode()
    message = {"topic": data.draw(st.sampled_from(TOPICS)), "base64OriginalPayload": original, "failures": []}
    body = data.draw(texts_of(garbled(message)) | st.just(json.dumps(message)))

    _read_or(EventError, lambda: event_item(read_rule_error(body), event_id="e", source_region="us-east-1", now=1_000))


@given(texts_of(garbled({"payload": {"Records": [{"dynamodb": {"NewImage": {}}}]}, "requestContext": {}})))
def test_whatever_lambda_gave_up_is_read_or_refused(text: str) -> None:
    _read_or(EventError, lambda: read_invocation(text))


# What files hold


LINES: dict[Kind, dict[str, Any]] = {
    Kind.THING: {"name": "a", "attributes": {"b": "c"}, "type_name": "t"},
    Kind.THING_TYPE: {"name": "a", "searchable_attributes": ["b"], "propagating_attributes": [["a", "b", "c"]]},
    Kind.POLICY: {"name": "a", "document": {"Version": "2012-10-17", "Statement": []}},
    Kind.CERTIFICATE: {"certificate_id": "a", "status": "ACTIVE", "pem": "PEM"},
    Kind.THING_GROUP: {"name": "a", "ancestors": ["b"], "attributes": {}},
    Kind.SHADOW: {"thing": "a", "shadow": "", "document": {"reported": {"x": 1}}},
    Kind.THING_PRINCIPAL: {"thing": "a", "certificate_id": "b", "exclusive": True},
}


@given(st.data())
def test_whatever_a_line_of_a_snapshot_is_it_is_read_or_named(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(LINES)))
    line = data.draw(texts_of(garbled(LINES[kind])))
    with tempfile.TemporaryDirectory() as folder:
        files = FolderSnapshotStore(Path(folder))
        files.files[KINDS.index(kind)].write_bytes(line.encode("utf-8", "surrogatepass"))

        _read_or(InvalidResource, lambda: list(files.entities(kind)))


MANIFEST = {"region": "a", "account": "b", "began": 1, "ended": 2, "numbers": {"thing": 1}, "format": 2, "sha256": {}}


@given(texts_of(garbled(MANIFEST)))
def test_whatever_the_manifest_of_a_snapshot_is_it_is_read_or_refused(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = FolderSnapshotStore(Path(folder))
        files.files[-1].write_bytes(text.encode("utf-8", "surrogatepass"))

        _read_or(ConfigurationError, lambda: files.check(files.manifest()))


@given(texts_of(ILL_JSON))
def test_whatever_a_policy_is_it_is_read_or_refused(text: str) -> None:
    _read_or(InvalidResource, lambda: canonical(text))


@given(st.text())
def test_whatever_stands_in_settings_or_for_a_key_is_read_or_refused(text: str) -> None:
    _read_or(ConfigurationError, lambda: parse(text, "toolsrc"))
    _read_or(EventError, lambda: Key.parse(text))


def _read_or(refusal: type[Exception], read: Callable[[], object]) -> None:
    try:
        read()
    except refusal:
        return
