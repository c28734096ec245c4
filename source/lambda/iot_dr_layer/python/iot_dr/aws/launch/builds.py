"""Starts CodeBuild builds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from iot_dr.aws import errors
from iot_dr.errors import LimitExceeded

REQUIRED_ACTIONS = ("codebuild:StartBuild",)

_NO_BUILDS = (
    "CodeBuild starts no build in this account ({answer}); a new account may have no builds at all. Either open a case "
    "with AWS Support that asks for concurrent builds of Linux/Small in CodeBuild, and create or update the main stack "
    "again when it is granted; or launch from a shell, without CodeBuild: docs/operations/launch.md, Launch from a "
    "shell, has the commands"
)


class CodeBuildStarter:
    """Builds of the projects in one Region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def start(self, project: str, variables: Mapping[str, str], token: str, version: str) -> str:
        """Start a build with variables put over the project's own and return its ID; of its source takes a version.

        CodeBuild answers a token that it has seen in the last five minutes with the build that it started then.

        Raises:
            LimitExceeded: the account may not start a build now, or none at all.
        """
        with errors.converted():
            try:
                answer = self._client.start_build(
                    projectName=project,
                    idempotencyToken=token,
                    **({"sourceVersion": version} if version else {}),
                    environmentVariablesOverride=[
                        {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()
                    ],
                )
            except ClientError as error:
                if errors.code_of(error) != "AccountLimitExceededException":
                    raise
                told = error.response["Error"].get("Message", "AccountLimitExceededException")
                raise LimitExceeded(_NO_BUILDS.format(answer=told)) from error
        return str(answer["build"]["id"])
