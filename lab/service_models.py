"""What the emulator asks of the SDK's service models is in their first lines; it need not read the megabytes behind.

Nothing is answered otherwise. To tell whether a name is a service's, the emulator read all 400 models, for which it
stood still for five seconds and more; to tell how a service answers, it made a session and read that service's model.

Runs on the emulator's interpreter: only the standard library, the SDK and the emulator itself can be imported here.
"""

import functools
import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.loaders
from botocore.exceptions import DataNotFoundError

from lab.corrections.patching import replace

_HEAD = 8192
"""Bytes of a model that are sure to have its metadata, which comes first."""


def read_what_is_needed() -> None:
    """Have the emulator read no more of the models than their metadata."""
    from ministack.core import responses, router  # noqa: PLC0415 - imported once the process is guarded

    @functools.cache
    def service_model(service: str) -> Any:
        found = metadata(responses._BOTOCORE_NAME.get(service, service))
        return SimpleNamespace(metadata=found) if found else None

    replace(router._is_aws_service_name, lambda scope_name: scope_name in names())
    replace(responses._service_model, service_model)


@functools.cache
def names() -> frozenset[str]:
    """The SDK's names of all services, and their prefixes of endpoints and names in signatures."""
    return frozenset(_names())


def metadata(service: str) -> Mapping[str, Any]:
    """The metadata of a service's model; empty if the SDK has no such service."""
    loader = _loader()
    try:
        version = loader.determine_latest_version(service, "service-2")
    except DataNotFoundError:
        return {}
    for folder in loader.search_paths:
        path = Path(folder, service, version, "service-2.json.gz")
        if path.exists():
            with gzip.open(path) as model:
                return _metadata(model.read(_HEAD).decode("utf-8", "ignore"))
    return {}


def _metadata(head: str) -> Mapping[str, Any]:
    begins = head.index("{", head.index('"metadata"'))
    found: dict[str, Any] = json.JSONDecoder().raw_decode(head, begins)[0]
    return found


def _names() -> Iterator[str]:
    for service in _loader().list_available_services("service-2"):
        yield service
        known = metadata(service)
        yield from (known[field] for field in ("endpointPrefix", "signingName") if field in known)


@functools.cache
def _loader() -> botocore.loaders.Loader:
    return botocore.loaders.create_loader()
