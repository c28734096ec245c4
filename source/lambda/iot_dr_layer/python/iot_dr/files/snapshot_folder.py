"""A registry in a folder: one file per kind, a resource a line, so that two snapshots can be compared by `diff`.

Every line is a JSON object that begins with the fields that name the resource. What a Region counts for itself, such as
versions, is left out, so that two snapshots differ exactly if the registries do. Lines are sorted by name, relations to
a certificate by the certificate first. `snapshot.json` comes last: a folder without it is the beginning of a snapshot.
There are never private keys in it; AWS has none to give.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iot_dr.errors import ConfigurationError, InvalidResource
from iot_dr.model.documents import canonical
from iot_dr.model.entities import Certificate, Entity
from iot_dr.model.entity_json import from_json, to_json
from iot_dr.model.exact_json import parse, render
from iot_dr.model.keys import Key, Kind

MANIFEST = "snapshot.json"
FORMAT = 1
KINDS = tuple(kind for kind in Kind if kind is not Kind.THING_SHADOWS)
"""Kinds that have a file; the shadows of a thing are told one by one."""

_NAMES: Mapping[Kind, tuple[str, ...]] = {
    Kind.CERTIFICATE: ("certificate_id",),
    Kind.POLICY_ATTACHMENT: ("policy", "target"),
    Kind.THING_PRINCIPAL: ("thing", "certificate_id"),
    Kind.GROUP_MEMBERSHIP: ("group", "thing"),
    Kind.SHADOW: ("thing", "shadow"),
}
"""The fields that name a resource, in the order of its key; `name` where nothing else is said."""


@dataclass(frozen=True)
class Manifest:
    """What a snapshot is of, when it was read (epoch milliseconds), and how many resources of each kind it holds."""

    region: str
    account: str
    began: int
    ended: int
    numbers: Mapping[str, int]
    format: int = FORMAT


class SnapshotFolder:
    """One snapshot on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def files(self) -> tuple[Path, ...]:
        """Return all files of a snapshot, the one that completes it last."""
        return (*(self._file(kind) for kind in KINDS), self._path / MANIFEST)

    def begin(self) -> None:
        """Make the folder; what it held before is no whole snapshot from now on.

        Raises:
            ConfigurationError: the folder cannot be written.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            (self._path / MANIFEST).unlink(missing_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be written: {error}; give another folder") from error

    def write(self, kind: Kind, entities: Iterable[Entity]) -> int:
        """Write all of one kind, which come sorted; return how many they are. The file is there whole or not at all."""
        number, part = 0, self._file(kind).with_suffix(".part")
        with part.open("w", encoding="utf-8", newline="\n") as lines:
            for entity in entities:
                lines.write(_line(entity) + "\n")
                number += 1
        part.replace(self._file(kind))
        return number

    def complete(self, manifest: Manifest) -> None:
        """Say what it is of, which makes it whole."""
        text = json.dumps(dataclasses.asdict(manifest), indent=2)
        (self._path / MANIFEST).write_text(text + "\n", encoding="utf-8")

    def manifest(self) -> Manifest:
        """Return what it is of.

        Raises:
            ConfigurationError: it is no snapshot, is not whole, or of another format.
        """
        try:
            found = json.loads((self._path / MANIFEST).read_text(encoding="utf-8"))
            manifest = Manifest(**found)
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self._path} holds no whole snapshot: there is no {MANIFEST}; take it again with iot-dr snapshot"
            ) from None
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{self._path / MANIFEST} cannot be read: {error}") from error
        except TypeError as error:
            raise ConfigurationError(
                f"{self._path / MANIFEST} is none that iot-dr snapshot wrote; take the snapshot again, or name another"
            ) from error
        if manifest.format != FORMAT:
            raise ConfigurationError(f"{self._path} is of format {manifest.format}; this tool reads format {FORMAT}")
        return manifest

    def entities(self, kind: Kind) -> Iterator[Entity]:
        """Yield all of one kind in the order of their file, certificates with their PEM.

        Raises:
            ConfigurationError: the file is missing.
            InvalidResource: a line is not a resource of this kind; the message names file and line.
        """
        path = self._file(kind)
        try:
            with path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    yield _entity(kind, line, f"{path}:{number}")
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error}") from error

    def certificate(self, certificate_id: str) -> Certificate | None:
        """Find a certificate by its ID, with its PEM, by halving the sorted file: nothing of it is kept in memory."""
        path = self._file(Kind.CERTIFICATE)
        with path.open("rb") as lines:
            low, high = 0, path.stat().st_size
            while low < high:
                middle = (low + high) // 2
                lines.seek(middle)
                if middle > low:
                    lines.seek(middle - 1)
                    lines.readline()  # to where the next line begins, which is the middle itself if one ends before it
                begin = lines.tell()
                if begin >= high:
                    high = middle
                    continue
                found = _entity(Kind.CERTIFICATE, lines.readline(), str(path))
                if found.key.name == certificate_id and isinstance(found, Certificate):
                    return found
                if found.key.name < certificate_id:
                    low = lines.tell()
                else:
                    high = middle
        return None

    def _file(self, kind: Kind) -> Path:
        return self._path / f"{kind}.jsonl"


def _names(kind: Kind) -> tuple[str, ...]:
    return _NAMES.get(kind, ("name",))


def _line(entity: Entity) -> str:
    key = entity.key
    named = dict(zip(_names(key.kind), (key.name, key.other), strict=False))
    fields = to_json(entity)
    match key.kind:
        case Kind.SHADOW:
            # Numbers as they stand: no program's idea of a number may come between.
            return f'{json.dumps(named, ensure_ascii=False)[:-1]}, "document": {fields["document"]}}}'
        case Kind.POLICY:
            fields["document"] = json.loads(fields["document"])
        case Kind.CERTIFICATE if isinstance(entity, Certificate):
            fields["pem"] = entity.pem
    return json.dumps(named | fields, ensure_ascii=False)


def _entity(kind: Kind, line: bytes, where: str) -> Entity:
    try:
        fields: dict[str, Any] = parse(line) if kind is Kind.SHADOW else json.loads(line)
        key = Key(kind, *(fields.pop(name) for name in _names(kind)))
        pem = fields.pop("pem", "")
        match kind:
            case Kind.SHADOW:
                fields["document"] = render(fields["document"])
            case Kind.POLICY:
                fields["document"] = canonical(json.dumps(fields["document"]))
        entity = from_json(key, fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidResource(f"{where} is no {kind} of a snapshot: {error}") from error
    return dataclasses.replace(entity, pem=pem) if isinstance(entity, Certificate) else entity
