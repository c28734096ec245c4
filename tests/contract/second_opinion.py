"""A second emulator's opinion of the registry: moto, which shares no code with the lab's.

The contract's tests run against moto too. What it answers otherwise than AWS documents is listed here, by the tests
that it therefore fails: one that fails and is not listed fails the run, and so does one that is listed and passes.
`python -m tests.contract.second_opinion` writes docs/second-opinion.md from it.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import moto
from moto.core.config import DefaultConfig
from moto.iot.responses import IoTResponse

from iot_dr.aws.registry import reader as registry_reader
from iot_dr.aws.registry import writer as registry_writer
from lab.emulator import SECONDARY_REGION

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "second-opinion.md"
CORRECTIONS = ("registry", "principals", "groups", "limits", "lists")
"""Modules of the lab's corrections that are about the registry."""
ACCOUNT = "123456789012"
SETTINGS: DefaultConfig = {"iot": {"use_valid_cert": True}}
"""Without it moto names a certificate by a hash of its text. AWS names it by its content, the same in every Region."""
WIDTH = 118

API = "https://docs.aws.amazon.com/iot/latest/apireference/API_"
GUIDE = "https://docs.aws.amazon.com/iot/latest/developerguide/"


@dataclass(frozen=True)
class Difference:
    """Something that moto does otherwise than AWS documents, or leaves undone.

    Attributes:
        aws: what AWS documents, and the product follows.
        page: where.
        moto: what moto does instead.
        tests: of the contract, which moto therefore fails.
        corrections: what brings the lab's emulator to it; none if it does so as it comes.
        lab: what the lab's emulator does where AWS says nothing.
    """

    aws: str
    page: str
    moto: str
    tests: tuple[str, ...]
    corrections: tuple[str, ...] = ()
    lab: str = "does as AWS"


DIFFERENCES = (
    Difference(
        "CreateThing with the name of a thing that has other attributes is refused.",
        f"{API}CreateThing.html",
        "puts the new thing over the old one",
        ("test_another_thing_of_the_same_name_is_a_conflict",),
    ),
    Difference(
        "A thing has a version, which `expectedVersion` of UpdateThing and DeleteThing is compared with.",
        f"{API}UpdateThing.html",
        "leaves the version as it is, and compares nothing",
        ("test_every_update_of_a_thing_counts", "test_a_thing_that_was_changed_since_it_was_read_is_a_conflict"),
        ("update_thing_expected_version",),
    ),
    Difference(
        "A policy has 2,048 characters at most, white space left out.",
        f"{API}CreatePolicy.html",
        "takes any size",
        ("test_a_policy_has_2048_characters_white_space_left_out",),
        ("policy_has_2048_characters",),
    ),
    Difference(
        "UpdateThingType changes which attributes MQTT 5 messages carry.",
        f"{API}UpdateThingType.html",
        "has no such call",
        ("test_what_mqtt_messages_carry_of_a_type_can_be_changed",),
        ("thing_type_can_be_updated",),
    ),
    Difference(
        "A type is deleted only if it was deprecated five minutes ago and no thing has it.",
        f"{GUIDE}thing-types.html",
        "deletes it at once",
        ("test_a_type_is_not_deleted_while_a_thing_uses_it_or_before_aws_wants",),
        ("type_is_deleted_five_minutes_after_its_deprecation",),
    ),
    Difference(
        "CreateThingGroup below a parent that does not exist is refused; AWS does not say by which error.",
        f"{API}CreateThingGroup.html",
        "ends with an error of its own program",
        ("test_a_group_waits_for_its_parent",),
        lab="answers InvalidRequestException",
    ),
    Difference(
        "`expectedVersion` of UpdateThingGroup and DeleteThingGroup is compared with the group's version.",
        f"{API}UpdateThingGroup.html",
        "compares it on UpdateThingGroup alone",
        ("test_a_group_that_was_changed_since_it_was_read_is_a_conflict",),
        ("thing_group_expected_version_and_merge",),
    ),
    Difference(
        "A thing is in one group of a hierarchy at most.",
        f"{GUIDE}thing-groups.html",
        "puts it into as many as are asked for",
        ("test_a_thing_is_in_one_group_of_a_hierarchy",),
        ("thing_joins_one_group_of_a_hierarchy",),
    ),
    Difference(
        "A group may be dynamic: a query fills it, and nobody puts a thing into it.",
        f"{API}CreateDynamicThingGroup.html",
        "has no calls for it",
        (
            "test_a_dynamic_group_is_read_as_it_was_made_and_changed_in_what_can_change",
            "test_nobody_puts_a_thing_into_a_dynamic_group",
            "test_a_dynamic_group_is_deleted",
        ),
        ("dynamic_thing_groups",),
    ),
    Difference(
        "CreateBillingGroup may be repeated with the same description.",
        f"{API}CreateBillingGroup.html",
        "refuses it",
        ("test_a_billing_group_is_made_changed_listed_and_deleted",),
        ("billing_groups",),
    ),
    Difference(
        "Types, groups, billing groups and policies have tags.",
        f"{GUIDE}tagging-iot.html",
        "has no call that tells or changes them",
        (
            "test_tags_are_told_by_a_question_of_their_own_and_changed_apart_from_all_else",
            "test_a_dynamic_group_has_tags_too",
            "test_what_does_not_exist_has_no_tags",
        ),
        ("dynamic_thing_groups", "billing_groups"),
    ),
    Difference(
        "AWS does not say what a thing tells of its billing group once that is deleted.",
        f"{API}DeleteBillingGroup.html",
        "goes on to tell its name",
        ("test_things_stay_when_their_billing_group_goes",),
        ("billing_groups",),
        "tells none",
    ),
    Difference(
        "A certificate may be attached to one thing alone (`EXCLUSIVE_THING`), which lists tell.",
        f"{API}AttachThingPrincipal.html",
        "leaves that out",
        (
            "test_a_certificate_is_attached_exclusively_or_not_and_that_can_be_changed",
            "test_an_exclusive_certificate_has_one_thing",
            "test_a_shared_certificate_has_many_things",
        ),
        ("principals_have_a_type",),
    ),
    Difference(
        "A certificate has ten policies at most.",
        "https://docs.aws.amazon.com/general/latest/gr/iot-core.html",
        "attaches any number",
        ("test_a_certificate_has_ten_policies",),
        ("certificate_has_ten_policies",),
    ),
)

FAILING: Mapping[str, Difference] = {test: one for one in DIFFERENCES for test in one.tests}


@cache
def client() -> Any:
    """The one client of moto; made once, since making it takes longer than a test."""
    return boto3.client("iot", SECONDARY_REGION, aws_access_key_id="moto", aws_secret_access_key="moto")


def absent_calls() -> list[str]:
    """The calls of the product's registry adapters that moto does not know at all."""
    actions = registry_reader.REQUIRED_ACTIONS | registry_reader.LISTER_REQUIRED_ACTIONS
    actions |= registry_reader.REQUIRED_ACTIONS_BEFORE_DELETING | registry_writer.REQUIRED_ACTIONS
    operations = sorted(action.removeprefix("iot:") for action in actions)
    known = {name.replace("_", "") for name in vars(IoTResponse)}
    return [operation for operation in operations if operation.lower() not in known]


def corrections() -> dict[str, tuple[str, str]]:
    """What the lab corrects of its own emulator's registry: by name, why, and AWS's page."""
    return {name: (why, page) for module in CORRECTIONS for name, why, page in _corrections_of(module)}


def _corrections_of(module: str) -> Iterator[tuple[str, str, str]]:
    # Read, not imported: the module runs on the emulator's interpreter alone.
    tree = ast.parse((ROOT / "lab" / "corrections" / f"{module}.py").read_text())
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "correction":
                page = ast.literal_eval(decorator.args[0])
                yield node.name, (ast.get_docstring(node) or "").splitlines()[0], page


def page() -> str:
    """The whole page."""
    intro = (
        "The registry is tested against two emulators that share no code: the lab's, "
        f"[corrected](lab.md#where-the-emulator-is-corrected), and moto {moto.__version__}, as it comes. "
        "`tests/contract/test_registry.py` says what the product expects of AWS. Where the two disagree, AWS's "
        "documentation was looked up, and the product follows that. This page is made by "
        "`python -m tests.contract.second_opinion`, and a test holds it: what moto fails and is not listed here fails "
        "the run, and so does what is listed and passes."
    )
    absent = ", ".join(absent_calls()) or "none"
    parts = [
        "# A second opinion",
        _filled(intro),
        "## What moto does otherwise than AWS documents",
        "\n".join(map(_difference, DIFFERENCES)),
        "## Calls of the product that moto does not know",
        _filled(f"{absent}."),
        "## What the lab's emulator does otherwise",
        _filled("Each is corrected, and a test shows that the emulator alone still needs it."),
        "\n".join(_entry(f"**{name}**: {why} [AWS]({url})") for name, (why, url) in corrections().items()),
    ]
    return "\n\n".join(parts) + "\n"


def _difference(one: Difference) -> str:
    since = f" since it is corrected ({', '.join(one.corrections)})" if one.corrections else ""
    return _entry(f"{one.aws} [AWS]({one.page}) moto {one.moto}. The lab's emulator {one.lab}{since}.")


def _entry(text: str) -> str:
    return _filled(f"- {text}", "  ")


def _filled(text: str, indent: str = "") -> str:
    filled = textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return re.sub(r" +$", "", filled, flags=re.MULTILINE)


if __name__ == "__main__":
    PAGE.write_text(page())
