"""What is believed of shadows."""

from __future__ import annotations

import json
import re
from decimal import Decimal

from botocore.exceptions import ClientError

from tests.real_account.account import Account
from tests.real_account.doubts import Doubt, Finding, confirmed, found, refuted, unknown

NUMBERS = ("10.0", "0.1", "9007199254740993", "12345678901234567890", "1e22", "0.30000000000000004")
"""Numbers that a reader which keeps 53 bits, or writes integers its own way, would change."""

READINGS = 20


def digits(number: str) -> tuple[object, ...]:
    """What must not change of a number: its digits, with zeros at the end; `1e22` and `1e+22` have the same."""
    return Decimal(number).as_tuple()


def is_made_empty(account: Account) -> Finding:
    """Update no section of a shadow that is not there, and of one that is."""
    new, old = account.thing(account.primary), account.thing(account.primary)
    try:
        account.shadow(account.primary, new, '{"state":{}}')
        made = bool(account.document(account.primary, new))
    except ClientError as error:
        return refuted(f"a missing shadow: {error}")
    account.shadow(account.primary, old, '{"state":{"reported":{"kept":1}}}')
    account.shadow(account.primary, old, '{"state":{}}')
    kept = json.loads(account.document(account.primary, old))["state"] == {"reported": {"kept": 1}}
    seen = f"a missing one is {'made' if made else 'not made'}; what was there {'stays' if kept else 'goes'}"
    return found(made and kept, seen)


def takes_its_old_version(account: Account) -> Finding:
    """Update a deleted shadow under the version that it had."""
    thing = account.thing(account.primary)
    version = account.shadow(account.primary, thing, '{"state":{"reported":{"n":1}}}')["version"]
    account.data(account.primary).delete_thing_shadow(thingName=thing)
    document = json.dumps({"state": {"reported": {"n": 2}}, "version": version})
    try:
        after = account.shadow(account.primary, thing, document)["version"]
    except ClientError as error:
        return refuted(f"version {version} of the deleted one: {error}")
    return confirmed(f"version {version} of the deleted one is accepted; the new one has version {after}")


def keeps_digits(account: Account) -> Finding:
    """Write numbers and read them as text."""
    thing = account.thing(account.primary)
    state = ",".join(f'"n{place}":{number}' for place, number in enumerate(NUMBERS))
    account.shadow(account.primary, thing, f'{{"state":{{"reported":{{{state}}}}}}}')
    text = account.document(account.primary, thing)
    read = [re.search(rf'"n{place}":\s*([^,}}]+)', text) for place in range(len(NUMBERS))]
    changed = [
        f"{number} is read as {match[1] if match else 'nothing'}"
        for number, match in zip(NUMBERS, read, strict=True)
        if match is None or digits(match[1].strip()) != digits(number)
    ]
    return found(not changed, "; ".join(changed) or f"{', '.join(NUMBERS)} are read as written")


def needs_no_thing(account: Account) -> Finding:
    """Write a shadow of a name that no thing has, and delete a thing that has a shadow."""
    thing = account.thing(account.primary)
    account.shadow(account.primary, thing, '{"state":{"reported":{"n":1}}}')
    account.iot(account.primary).delete_thing(thingName=thing)
    try:
        outlives = bool(account.document(account.primary, thing))
    except ClientError as error:
        outlives = False
        why = error.response["Error"]["Code"]
    else:
        why = "it is there"
    try:
        account.shadow(account.primary, account.name(), '{"state":{"reported":{"n":1}}}')
    except ClientError as error:
        return refuted(f"a name without a thing: {error}; a deleted thing's shadow: {why}")
    return found(outlives, f"a name without a thing is accepted; a deleted thing's shadow: {why}")


def is_read_late(account: Account) -> Finding:
    """Update a shadow again and again, and read it right after."""
    thing, late = account.thing(account.primary), 0
    for number in range(READINGS):
        version = account.shadow(account.primary, thing, f'{{"state":{{"reported":{{"n":{number}}}}}}}')["version"]
        late += json.loads(account.document(account.primary, thing))["version"] < version
    seen = f"{late} of {READINGS} readings were older than the answer before"
    return refuted(seen) if late else unknown(seen)


def is_found_by_the_index(account: Account) -> Finding:
    """Search a thing that has a classic and a named shadow, and look for their versions."""
    iot = account.iot(account.primary)
    mode = iot.get_indexing_configuration()["thingIndexingConfiguration"]["thingIndexingMode"]
    if mode != "REGISTRY_AND_SHADOW":
        return unknown(f"this account indexes {mode}; the probe changes no setting")
    thing = account.thing(account.primary)
    account.shadow(account.primary, thing, '{"state":{"reported":{"indexed":1,"unindexed":{"a":[1]}}}}')
    account.shadow(account.primary, thing, '{"state":{"reported":{"n":1}}}', "config")

    def shown() -> str:
        hits = iot.search_index(queryString=f"thingName:{thing}")["things"]
        return str(hits[0].get("shadow", "")) if hits else ""

    text = account.until(shown, 60.0)
    if not text:
        return unknown("the index shows no shadow of it within a minute")
    document = json.loads(text)
    versions = {name: part.get("version") for name, part in document.items() if isinstance(part, dict)}
    seen = f"members {', '.join(sorted(document))}; versions {versions or document.get('version')}"
    return found('"version"' in text, seen)


DOUBTS = (
    Doubt(
        "shadow-is-made-empty",
        'An update of no section, `{"state":{}}`, makes a missing shadow and clears nothing of an existing one.',
        'UpdateThingShadow with `{"state":{}}`, GetThingShadow',
        "New shadows are `failed` and say so.",
        is_made_empty,
        20,
    ),
    Doubt(
        "shadow-takes-its-old-version",
        "An update of a deleted shadow under the version that it had is accepted.",
        "DeleteThingShadow, UpdateThingShadow with `version`",
        "Nothing: either is safe.",
        takes_its_old_version,
        10,
    ),
    Doubt(
        "shadow-keeps-digits",
        "A shadow's numbers are read with the digits that were written.",
        f"UpdateThingShadow with {', '.join(NUMBERS)}; the text of GetThingShadow",
        "The copy holds what AWS read out, in both Regions the same; `verify` sees no difference.",
        keeps_digits,
        8,
    ),
    Doubt(
        "shadow-needs-no-thing",
        "A shadow needs no thing: one can be written without it, and it outlives a deletion of the thing.",
        "UpdateThingShadow with a name that no thing has; DeleteThing, GetThingShadow",
        "Deletions of shadows that AWS made by itself would be asked for once more.",
        needs_no_thing,
        14,
    ),
    Doubt(
        "shadow-is-read-at-once",
        "An answer of GetThingShadow is less than a minute older than the last update.",
        f"UpdateThingShadow, GetThingShadow at once, {READINGS} times",
        "A shadow may stay `pending` a minute longer.",
        is_read_late,
        50,
    ),
    Doubt(
        "index-tells-versions",
        "SearchIndex tells a version of every shadow that is indexed.",
        "SearchIndex of a thing with a classic and a named shadow, where the index has both",
        "`verify` reads such shadows one by one: slower, not wrong.",
        is_found_by_the_index,
        200,
    ),
)
