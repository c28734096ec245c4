"""Starts CodeBuild builds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iot_dr.aws import errors

REQUIRED_ACTIONS = ("codebuild:StartBuild",)


class CodeBuild:
    """Builds of the projects in one Region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def start(self, project: str, variables: Mapping[str, str], token: str) -> str:
        """Start a build with variables put over the project's own and return its ID.

        CodeBuild answers a token that it has seen in the last five minutes with the build that it started then.
        """
        answer = errors.call(
            self._client.start_build,
            projectName=project,
            idempotencyToken=token,
            environmentVariablesOverride=[
                {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()
            ],
        )
        return str(answer["build"]["id"])
