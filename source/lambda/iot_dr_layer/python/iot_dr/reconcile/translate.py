"""A resource of the primary as it must stand in the secondary.

Only what is a Region or an account by grammar is rewritten: the fields of ARNs in `Resource` and `NotResource`, and in
conditions whose operator compares ARNs. Topic names, client IDs and free text that merely contain a Region's name stay.

A field may be a pattern, such as `us-east-*`. One that admits the primary's Region and not the secondary's becomes the
secondary's Region; one that admits both, such as `*`, or the primary's not, stays. So the secondary's devices may do
there what the primary's may do here, and nothing more.
Grammar: https://docs.aws.amazon.com/iot/latest/developerguide/iot-policy-resources.html
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from iot_dr.errors import InvalidResource
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.arns import Arn
from iot_dr.model.registry.documents import canonical
from iot_dr.model.registry.entities import SETTABLE_STATUSES, Certificate, CertificateStatus, Entity, Policy

_ARN_MEMBERS = frozenset({"Resource", "NotResource"})


def translate(entity: Entity, regions: RegionPair) -> Entity:
    """Return the entity as the secondary must hold it.

    Raises:
        InvalidResource: a policy's document is not a JSON object.
    """
    match entity:
        case Policy():
            return replace(entity, document=translate_document(entity.document, regions))
        case Certificate(status=status) if status not in SETTABLE_STATUSES:
            # AWS alone sets the PENDING statuses; none of them lets a device connect, and neither does INACTIVE.
            return replace(entity, status=CertificateStatus.INACTIVE)
        case _:
            return entity


def translate_document(document: str, regions: RegionPair) -> str:
    """Return a policy's document, canonical, with the primary's ARNs moved to the secondary."""
    policy = json.loads(canonical(document))
    if "Statement" in policy:
        policy["Statement"] = _statements(policy["Statement"], regions)
    return canonical(json.dumps(policy))


def _statements(statements: Any, regions: RegionPair) -> Any:
    # The grammar admits one statement without the array.
    if isinstance(statements, list):
        return [_statement(one, regions) for one in statements]
    return _statement(statements, regions)


def _statement(statement: Any, regions: RegionPair) -> Any:
    if not isinstance(statement, dict):
        return statement
    return {
        member: _texts(value, regions)
        if member in _ARN_MEMBERS
        else _conditions(value, regions)
        if member == "Condition"
        else value
        for member, value in statement.items()
    }


def _conditions(conditions: Any, regions: RegionPair) -> Any:
    if not isinstance(conditions, dict):
        return conditions
    return {
        operator: {key: _texts(value, regions) for key, value in operands.items()}
        if isinstance(operands, dict) and _compares_arns(operator)
        else operands
        for operator, operands in conditions.items()
    }


def _compares_arns(operator: str) -> bool:
    # ArnEquals, ArnLike, ArnNotEquals and ArnNotLike, with the ForAnyValue: prefix or the IfExists suffix.
    return operator.rpartition(":")[2].startswith("Arn")


def _texts(value: Any, regions: RegionPair) -> Any:
    if isinstance(value, list):
        return [_texts(one, regions) for one in value]
    return _moved(value, regions) if isinstance(value, str) else value


def _moved(text: str, regions: RegionPair) -> str:
    try:
        arn = Arn.parse(text)
    except InvalidResource:
        return text
    if not _admits(arn.region, regions.primary):
        return text
    account = _exchanged(arn.account, regions.primary_account, regions.secondary_account)
    return str(arn.moved_to(_exchanged(arn.region, regions.primary, regions.secondary), account))


def _exchanged(field: str, of_primary: str, of_secondary: str) -> str:
    """Return what a field of an ARN must be in the secondary to admit there what it admits in the primary."""
    return of_secondary if _admits(field, of_primary) and not _admits(field, of_secondary) else field


def _admits(field: str, value: str) -> bool:
    """Tell whether a field of an ARN, in which `*` stands for any text and `?` for any character, admits a value."""
    pattern = "".join(".*" if one == "*" else "." if one == "?" else re.escape(one) for one in field)
    return re.fullmatch(pattern, value) is not None
