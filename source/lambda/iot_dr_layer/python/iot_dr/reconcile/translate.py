"""A resource of the source as it must stand in the target.

Only what is a Region or an account by grammar is rewritten: the fields of ARNs in `Resource` and `NotResource`, and in
conditions whose operator compares ARNs. Topic names, client IDs and free text that merely contain a Region's name stay.

A field may be a pattern, such as `us-east-*`. One that admits the source's Region and not the target's becomes the
target's Region; one that admits both, such as `*`, or the source's not, stays. So the target's devices may do
there what the source's may do here, and nothing more.
Grammar: https://docs.aws.amazon.com/iot/latest/developerguide/iot-policy-resources.html
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from iot_dr.errors import InvalidResource
from iot_dr.model.registry.arns import Arn
from iot_dr.model.registry.documents import canonical
from iot_dr.model.registry.entities import SETTABLE_STATUSES, Certificate, CertificateStatus, Entity, Policy
from iot_dr.model.sites import Direction

_ARN_MEMBERS = frozenset({"Resource", "NotResource"})


def translate(entity: Entity, direction: Direction) -> Entity:
    """Return the entity as the target must hold it.

    Raises:
        InvalidResource: a policy's document is not a JSON object.
    """
    match entity:
        case Policy():
            return replace(entity, document=translate_document(entity.document, direction))
        case Certificate(status=status) if status not in SETTABLE_STATUSES:
            # AWS alone sets the PENDING statuses; none of them lets a device connect, and neither does INACTIVE.
            return replace(entity, status=CertificateStatus.INACTIVE)
        case _:
            return entity


def translate_document(document: str, direction: Direction) -> str:
    """Return a policy's document, canonical, with the source's ARNs moved to the target."""
    policy = json.loads(canonical(document))
    if "Statement" in policy:
        policy["Statement"] = _statements(policy["Statement"], direction)
    return canonical(json.dumps(policy))


def _statements(statements: Any, direction: Direction) -> Any:
    # The grammar admits one statement without the array.
    if isinstance(statements, list):
        return [_statement(one, direction) for one in statements]
    return _statement(statements, direction)


def _statement(statement: Any, direction: Direction) -> Any:
    if not isinstance(statement, dict):
        return statement
    return {
        member: _texts(value, direction)
        if member in _ARN_MEMBERS
        else _conditions(value, direction)
        if member == "Condition"
        else value
        for member, value in statement.items()
    }


def _conditions(conditions: Any, direction: Direction) -> Any:
    if not isinstance(conditions, dict):
        return conditions
    return {
        operator: {key: _texts(value, direction) for key, value in operands.items()}
        if isinstance(operands, dict) and _compares_arns(operator)
        else operands
        for operator, operands in conditions.items()
    }


def _compares_arns(operator: str) -> bool:
    # ArnEquals, ArnLike, ArnNotEquals and ArnNotLike, with the ForAnyValue: prefix or the IfExists suffix.
    return operator.rpartition(":")[2].startswith("Arn")


def _texts(value: Any, direction: Direction) -> Any:
    if isinstance(value, list):
        return [_texts(one, direction) for one in value]
    return _moved(value, direction) if isinstance(value, str) else value


def _moved(text: str, direction: Direction) -> str:
    try:
        arn = Arn.parse(text)
    except InvalidResource:
        return text
    if not _admits(arn.region, direction.source.region):
        return text
    account = _exchanged(arn.account, direction.source.account, direction.target.account)
    return str(arn.moved_to(_exchanged(arn.region, direction.source.region, direction.target.region), account))


def _exchanged(field: str, of_source: str, of_target: str) -> str:
    """Return what a field of an ARN must be in the target to admit there what it admits in the source."""
    return of_target if _admits(field, of_source) and not _admits(field, of_target) else field


def _admits(field: str, value: str) -> bool:
    """Tell whether a field of an ARN, in which `*` stands for any text and `?` for any character, admits a value."""
    if "*" not in field and "?" not in field:
        return field == value
    pattern = "".join(".*" if one == "*" else "." if one == "?" else re.escape(one) for one in field)
    return re.fullmatch(pattern, value) is not None
