"""Secrets Manager: read with a stated age, write, and empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iot_dr.aws import clients
from iot_dr.aws.errors import call, read
from iot_dr.errors import NotReadyYet, RegionUnavailable, Throttled

REQUIRED_ACTIONS_TO_READ = frozenset({"secretsmanager:GetSecretValue"})
"""What the health check may do, with its two secrets."""

REQUIRED_ACTIONS_TO_WRITE = frozenset({"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"})
"""What the provisioning of the probe may do, with the probe's secret."""

EMPTY = "{}"


def impatient_client(session: Any = None) -> Any:
    """Return a client that gives up within a second: who waits longer for a secret misses Route 53's 2 s anyway."""
    return clients.impatient_client("secretsmanager", session or clients.session(), attempts=2, seconds=0.4)


class CachedSecretReader:
    """`services.health.SecretReader` that keeps texts in this process's memory, never on disk.

    A text that cannot be renewed is used beyond its age: the broker judges whether credentials hold, and an outage of
    Secrets Manager alone is no reason to fail a fleet over.
    """

    def __init__(self, client: Any, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._texts: dict[str, tuple[float, str]] = {}

    def read(self, secret_id: str, max_age_seconds: float) -> str:
        """Return the text as it was no longer than `max_age_seconds` ago, or older while AWS cannot be asked.

        Raises:
            NotReadyYet: there is no such secret, or it has no value yet.
            IotDrError: it cannot be read, and was not read before.
        """
        now = self._clock()
        remembered = self._texts.get(secret_id)
        if remembered is not None and now - remembered[0] <= max_age_seconds:
            return remembered[1]
        try:
            text = current_text(self._client, secret_id)
        except (RegionUnavailable, Throttled):
            if remembered is None:
                raise
            return remembered[1]
        self._texts[secret_id] = (now, text)
        return text


class SecretsManagerCredentialStore:
    """`services.provision_probe.CredentialStore` over one secret."""

    def __init__(self, client: Any, secret_id: str) -> None:
        self._client = client
        self._secret_id = secret_id

    def read(self) -> str | None:
        """Return the text; None if there is no such secret or it has no value yet."""
        answer = read(self._client.get_secret_value, SecretId=self._secret_id)
        return None if answer is None else str(answer.get("SecretString", ""))

    def write(self, text: str) -> None:
        """Make a text the current value.

        Raises:
            NotReadyYet: there is no such secret.
        """
        call(self._client.put_secret_value, SecretId=self._secret_id, SecretString=text)

    def empty(self) -> None:
        """Overwrite the value so that no labelled version holds it; a secret that is gone already is success."""
        # Twice: the first makes the old value AWSPREVIOUS, the second leaves it without a label, and AWS deletes it.
        # https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
        for _ in range(2):
            read(self._client.put_secret_value, SecretId=self._secret_id, SecretString=EMPTY)


def current_text(client: Any, secret_id: str) -> str:
    """Read the current text.

    Raises:
        NotReadyYet: there is no such secret, or it has no value yet.
    """
    answer = read(client.get_secret_value, SecretId=secret_id)
    if answer is None:
        raise NotReadyYet(f"the secret {secret_id} does not exist or has no value; update the health checker stack")
    return str(answer.get("SecretString", ""))
