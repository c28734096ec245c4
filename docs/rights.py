"""Write docs/rights.md from the templates: every role, what it may do, on what and under which condition.

`python -m docs.reference` rewrites it; tests/architecture/test_documented.py holds it to the templates.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("rights.md")
WIDTH = 118
HEAD = """# Rights

Every role that the stacks make, and all that it may do, written from the templates. Which reasons stand behind it is in
[SECURITY.md](../SECURITY.md).

"""
ROLE, MANAGED, INLINE = "AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"

Template = Mapping[str, Any]


def rendered(templates: Mapping[str, Template]) -> str:
    """Return the page for the stacks' templates, by the stacks' names."""
    parts = [HEAD, _wrapped(figures(templates)), "\n"]
    for stack, template in templates.items():
        for role, resource in _of_type(template, ROLE):
            parts.append(f"\n## {stack}: {role}\n\n{_wrapped(resource['Properties']['Description'])}\n\n")
            parts += [f"{_entry(statement)}\n" for statement in _statements(template, role)]
    return "".join(parts)


def figures(templates: Mapping[str, Template]) -> str:
    """Return in one sentence how wide the rights are."""
    found = [
        statement
        for template in templates.values()
        for role, _ in _of_type(template, ROLE)
        for statement in _statements(template, role)
    ]
    everything = [statement for statement in found if "*" in statement["Resource"]]
    free = [statement for statement in everything if "Condition" not in statement]
    wildcards = [action for statement in found for action in statement["Action"] if "*" in action]
    return (
        f"Statements: {len(found)}. On everything, since AWS knows no resource for their actions: {len(everything)}, "
        f"without a condition {len(free)} of them. Actions named by a wildcard: {len(wildcards)}."
    )


def _of_type(template: Template, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((title, found) for title, found in template["Resources"].items() if found["Type"] == kind)


def _statements(template: Template, role: str) -> Iterator[Mapping[str, Any]]:
    """Yield what a role may do: by its own policies, by managed ones, and by those that name it."""
    properties = template["Resources"][role]["Properties"]
    for policy in properties.get("Policies", ()):
        condition, chosen, _ = policy.get("Fn::If", ("", policy, None))
        yield from ({**one, "OnlyIf": condition} for one in chosen["PolicyDocument"]["Statement"])
    for reference in properties.get("ManagedPolicyArns", ()):
        yield from template["Resources"][reference["Ref"]]["Properties"]["PolicyDocument"]["Statement"]
    for _, policy in _of_type(template, INLINE):
        if {"Ref": role} in policy["Properties"]["Roles"]:
            yield from policy["Properties"]["PolicyDocument"]["Statement"]


def _entry(statement: Mapping[str, Any]) -> str:
    actions = ", ".join(f"`{action}`" for action in statement["Action"])
    resources = ", ".join(_resource(resource) for resource in statement["Resource"])
    chosen = f" (`{statement['OnlyIf']}` alone)" if statement.get("OnlyIf") else ""
    return _wrapped(f"- **{statement['Sid']}**{chosen}: {actions} on {resources}{_condition(statement)}", "  ")


def _resource(node: Any) -> str:
    return "everything" if node == "*" else f"`{_text(node)}`"


def _condition(statement: Mapping[str, Any]) -> str:
    held = [
        f"`{key}` ({operator}) is {_either(values)}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    return f", if {' and '.join(held)}" if held else ""


def _either(values: Any) -> str:
    return " or ".join(f"`{_text(value)}`" for value in (values if isinstance(values, list) else [values]))


def _text(node: Any) -> str:
    """Return a value as a person reads it: the names of resources and parameters for what CloudFormation puts in."""
    match node:
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [title, _]}:
            return str(title)
        case {"Fn::Sub": [text, _]} | {"Fn::Sub": text}:
            short = str(text).removeprefix("arn:${AWS::Partition}:").replace("${AWS::AccountId}:", "")
            return re.sub(r"\$\{([A-Za-z:]+?)(\.Arn)?\}", r"\1", short)
    return str(node)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
