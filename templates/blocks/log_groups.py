"""Log groups with an end: a group that a service makes by itself keeps its lines for ever."""

from __future__ import annotations

from typing import Any

from troposphere import Template, logs

from templates.blocks.keys import key_arn, takes_key, with_key

RETENTION_DAYS = 30


def add_log_group(template: Template, title: str, name: Any = None, *, outlive_stack: bool = False) -> logs.LogGroup:
    """Add a log group; one that outlives its stack can tell what the stack's deletion did."""
    after = "Retain" if outlive_stack else "Delete"
    optional = {} if name is None else {"LogGroupName": name}
    if takes_key(template):
        optional["KmsKeyId"] = with_key(key_arn())
    return template.add_resource(
        logs.LogGroup(
            title,
            RetentionInDays=RETENTION_DAYS,
            DeletionPolicy=after,
            UpdateReplacePolicy=after,
            **optional,
        )
    )
