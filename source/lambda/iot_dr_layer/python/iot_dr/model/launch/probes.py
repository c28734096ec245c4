"""The health checker's own identity: what it needs to connect as a device, and how that is kept in a secret."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Self

from iot_dr.errors import NotReadyYet
from iot_dr.model.exact_json import loads


@dataclass(frozen=True)
class NewCertificate:
    """A certificate that AWS has just issued, with the one copy of its private key."""

    certificate_id: str
    pem: str = field(repr=False)
    private_key: str = field(repr=False)


@dataclass(frozen=True)
class ProbeCredentials:
    """A thing with its certificate and private key, as one secret holds them; `repr` shows neither PEM."""

    thing_name: str
    certificate_id: str
    certificate_pem: str = field(repr=False)
    private_key: str = field(repr=False)

    def to_json(self) -> str:
        """Return the text to keep in the secret."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of the secret; the message of a refusal quotes nothing of it.

        Raises:
            NotReadyYet: the secret holds no credentials: not written yet, or emptied by a delete.
        """
        try:
            document = loads(text)
        except ValueError:
            document = None
        names = [each.name for each in fields(cls)]
        if not isinstance(document, dict) or not all(isinstance(document.get(name), str) for name in names):
            # Without the cause: a JSON error carries the text it could not read.
            raise NotReadyYet("the probe's secret holds no credentials; update the health checker stack") from None
        return cls(**{name: document[name] for name in names})
