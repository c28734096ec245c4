"""One structured logger for every function, with the service's name and the invocation's correlation fields."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger

__all__ = ["Logger", "logger"]


def logger(service: str | None = None) -> Logger:
    """Return the shared JSON logger; `POWERTOOLS_SERVICE_NAME` names the service where no argument does."""
    return Logger(service=service)
