"""A registry in a folder: one file per kind, a resource a line, so that two snapshots can be compared by `diff`.

Every line is a JSON object that begins with the fields that name the resource. What a Region counts for itself, such as
versions, is left out, so that two snapshots differ exactly if the registries do. Lines are sorted by name, relations to
a certificate by the certificate first. `snapshot.json` comes last: a folder without it is the beginning of a snapshot,
which `snapshot.part` tells from a stranger's folder. When it was taken stands in no file: the time of `snapshot.json`
is that of its end. There are never private keys in it; AWS has none to give.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from iot_dr.errors import ConfigurationError, InvalidResource
from iot_dr.files.faults import disk_errors
from iot_dr.files.private import make_folder, opened_to_write
from iot_dr.model.exact_json import loads, parse, render
from iot_dr.model.registry.documents import canonical
from iot_dr.model.registry.entities import Certificate, Entity, PropagatingAttribute
from iot_dr.model.registry.entity_json import from_json, to_json
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import ROWS
from iot_dr.model.shadows.shadow import Shadow, document_of

MANIFEST = "snapshot.json"
FORMAT = 3
"""Format 1 had no checksums, and 2 had times in `snapshot.json`; both can still be read."""
KINDS = tuple(kind for kind in Kind if kind is not Kind.THING_SHADOWS)
"""Kinds that have a file; the shadows of a thing are told one by one."""

_TIMES = ("began", "ended")
"""Fields of a manifest that are not written."""

_NAMES: Mapping[Kind, tuple[str, ...]] = {row.kind: row.names for row in ROWS} | {Kind.SHADOW: ("thing", "shadow")}
"""The fields that name a resource, in the order of its key."""


@dataclass(frozen=True)
class Manifest:
    """What a snapshot is of, when it was read (epoch milliseconds), and how many resources of each kind it holds.

    The times are told and not written, or two snapshots of the same would differ; 0 where they are not known. `sha256`
    has the checksum of every other file by its name: damage is seen, and so is who changed one file alone.
    """

    region: str
    account: str
    began: int
    ended: int
    numbers: Mapping[str, int]
    format: int = FORMAT
    sha256: Mapping[str, str] = field(default_factory=dict)


class FolderSnapshotStore:
    """One snapshot on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def files(self) -> tuple[Path, ...]:
        """Return all files of a snapshot, the one that completes it last."""
        return (*(self._file(kind) for kind in KINDS), self._path / MANIFEST)

    def ensure_ours(self) -> None:
        """See to it that nothing is overwritten but an earlier snapshot, whole or not.

        Raises:
            ConfigurationError: the folder holds files of these names that no snapshot wrote.
        """
        there = [file.name for file in self.files if file.exists()]
        if MANIFEST in there:
            self.manifest()
        elif there and not self._unfinished.exists():
            raise ConfigurationError(
                f"{self._path / there[0]} is there, and no snapshot that was cut off; give another folder, or remove it"
            )

    def begin(self) -> None:
        """Make the folder; what it held before is no whole snapshot from now on.

        Raises:
            ConfigurationError: the folder cannot be written, or holds what no snapshot wrote.
        """
        self.ensure_ours()
        with disk_errors(self._path, "another folder"):
            make_folder(self._path)
            with opened_to_write(self._unfinished):
                pass
            (self._path / MANIFEST).unlink(missing_ok=True)

    @property
    def _unfinished(self) -> Path:
        """Return the file that is there until the snapshot is whole."""
        return (self._path / MANIFEST).with_suffix(".part")

    def write(self, kind: Kind, entities: Iterable[Entity]) -> int:
        """Write all of one kind, which come sorted; return how many they are. The file is there whole or not at all."""
        number, part = 0, self._file(kind).with_suffix(".part")
        with ExitStack() as undo:
            undo.callback(part.unlink, missing_ok=True)
            with disk_errors(part, "another folder"), opened_to_write(part) as lines:
                for entity in entities:
                    lines.write(line_of(entity) + "\n")
                    number += 1
            with disk_errors(part, "another folder"):
                part.replace(self._file(kind))
        return number

    def complete(self, manifest: Manifest) -> Manifest:
        """Say what it is of, which makes it whole; return that with the checksums of its files."""
        digests = {file.name: _digest(file) for file in self.files[:-1] if file.exists()}
        whole = dataclasses.replace(manifest, sha256=digests)
        facts = {name: value for name, value in dataclasses.asdict(whole).items() if name not in _TIMES}
        part = self._unfinished
        with disk_errors(part, "another folder"):
            with opened_to_write(part) as text:
                text.write(json.dumps(facts, indent=2) + "\n")
            part.replace(self._path / MANIFEST)
        return whole

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the file that completes it, which has those of all others."""
        return _digest(self._path / MANIFEST)

    def check(self, manifest: Manifest, digest: str = "") -> None:
        """See that every file is what was written; `digest` is the SHA-256 that the last one must have, if it is known.

        Raises:
            ConfigurationError: one is damaged, was changed or is missing.
        """
        wanted = {name: manifest.sha256.get(name, "") for name in (file.name for file in self.files[:-1])}
        if manifest.format == 1:
            wanted = {}
        if digest:
            wanted[MANIFEST] = digest.lower()
        for name, sha256 in wanted.items():
            if (found := _digest(self._path / name)) != sha256:
                raise ConfigurationError(
                    f"{self._path / name} is not as it was written: its SHA-256 is {found}, not {sha256 or 'told'}; it "
                    "is damaged or was changed, so take another snapshot"
                )

    def manifest(self) -> Manifest:
        """Return what it is of.

        Raises:
            ConfigurationError: it is no snapshot, is not whole, or of another format.
        """
        try:
            found = loads((self._path / MANIFEST).read_text(encoding="utf-8"))
            manifest = Manifest(**{**dict.fromkeys(_TIMES, 0), **found})
            _check_types(manifest)
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self._path} holds no whole snapshot: there is no {MANIFEST}; take it again: iot-dr snapshot"
            ) from None
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{self._path / MANIFEST} cannot be read: {error}") from error
        except TypeError as error:
            raise ConfigurationError(
                f"{self._path / MANIFEST} is none that iot-dr snapshot wrote; take the snapshot again, or name another"
            ) from error
        if manifest.format not in range(1, FORMAT + 1):
            raise ConfigurationError(f"{self._path} is of format {manifest.format}; this tool reads 1 to {FORMAT}")
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
                    yield entity_of(kind, line, f"{path}:{number}")
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
                found = entity_of(Kind.CERTIFICATE, lines.readline(), str(path))
                if found.key.name == certificate_id and isinstance(found, Certificate):
                    return found
                if found.key.name < certificate_id:
                    low = lines.tell()
                else:
                    high = middle
        return None

    def _file(self, kind: Kind) -> Path:
        return self._path / f"{kind}.jsonl"


def line_of(entity: Entity) -> str:
    """Return an entity as the line of its file."""
    key = entity.key
    named = dict(zip(_NAMES[key.kind], (key.name, key.other), strict=False))
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


def entity_of(kind: Kind, line: bytes, where: str) -> Entity:
    """Read an entity back from its line; `where` is for the message.

    Raises:
        InvalidResource: it is none of this kind.
    """
    try:
        fields: dict[str, Any] = parse(line) if kind is Kind.SHADOW else loads(line)
        key = Key(kind, *(_text(fields.pop(name)) for name in _NAMES[kind]))
        pem = _text(fields.pop("pem", ""))
        match kind:
            case Kind.SHADOW:
                fields["document"] = render(fields["document"])
            case Kind.POLICY:
                fields["document"] = canonical(json.dumps(fields["document"]))
        entity = from_json(key, fields)
        if isinstance(entity, Shadow):
            document_of(entity.document)
        else:
            _check_types(entity)
    except (ValueError, TypeError, KeyError, AttributeError, InvalidResource) as error:
        raise InvalidResource(f"{where} is no {kind} of a snapshot: {error}") from error
    return dataclasses.replace(entity, pem=pem) if isinstance(entity, Certificate) else entity


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


_HINTS: Mapping[Any, Mapping[str, Any]] = MappingProxyType(
    {one: get_type_hints(one) for one in (*(row.entity for row in ROWS), Manifest)}
)


def _check_types(value: Any) -> None:
    """See that what was read from a file has the types that its class says, all through.

    Raises:
        TypeError: a field has another.
    """
    hints = _HINTS[type(value)]
    for one in dataclasses.fields(value):
        if not _fits(getattr(value, one.name), hints[one.name]):
            raise TypeError(f"{one.name} has a value of another kind")


def _fits(value: Any, hint: Any) -> bool:
    parts = get_args(hint)
    match get_origin(hint):
        case None if hint is PropagatingAttribute:
            return isinstance(value, hint) and all(isinstance(part, str) for part in dataclasses.astuple(value))
        case None:
            return isinstance(value, hint) and not (hint is int and isinstance(value, bool))
        case origin if origin is UnionType:
            return any(_fits(value, part) for part in parts)
        case origin if origin is tuple:
            return isinstance(value, tuple) and all(_fits(one, parts[0]) for one in value)
        case _:
            pairs = value.items() if isinstance(value, Mapping) else ((None, None),)
            return all(_fits(name, parts[0]) and _fits(one, parts[1]) for name, one in pairs)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
