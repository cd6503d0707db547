"""What a producer promises about a run; the only parser of manifests.

A manifest is hostile input: bounded in size and depth, strict about JSON, and never trusted for a name.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NoReturn

from huracan_spool.codes import Code
from huracan_spool.errors import Rejected

VERSION = 1
MANIFEST_SUFFIX = ".manifest.json"
MAX_MANIFEST_BYTES = 1024 * 1024
MAX_METADATA_BYTES = 64 * 1024
MAX_SYMBOL_CHARACTERS = 64
MAX_NAME_BYTES = 255
MAX_TOLD = 20  # problems and warnings: a manifest can hold 100,000 of them, and a reason is to be read
MAX_DEPTH = 64  # json.loads gives up near 1,000; the record nests the metadata once more
RESERVED_NAMES = frozenset({"failed", "receipts", "reason.json"})

SYMBOL_PATTERN = r"^[A-Za-z0-9]+([/_:-][A-Za-z0-9]+)*$"
TIME_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?$"
)
SHA256_PATTERN = r"^[0-9A-Fa-f]{64}$"

_SYMBOL = re.compile(SYMBOL_PATTERN)
_TIME = re.compile(TIME_PATTERN)
_SHA256 = re.compile(SHA256_PATTERN)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Kind(StrEnum):
    """The five kinds of artifact, in the order in which people list them."""

    MODEL = "model"
    METRICS = "metrics"
    FEATURES = "features"
    CANDLES = "candles"
    TRADES = "trades"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A trading pair, folded to upper case. `folder` is its identity in the store."""

    text: str

    @property
    def folder(self) -> str:
        """`SOL-USDT` for `SOL/USDT`."""
        return re.sub("[/_:]", "-", self.text)

    @property
    def prefix(self) -> str:
        """`SOL_USDT` for `SOL/USDT`: how its file names begin."""
        return self.folder.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Artifact:
    """One declared file: a plain name in the spool; size in bytes and sha256 (lower hex) if given."""

    kind: Kind
    file: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    symbol: Symbol
    trained_at: datetime
    artifacts: tuple[Artifact, ...]
    metadata: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(artifact.file for artifact in self.artifacts)


class BadManifest(Rejected):
    """`files` are the well-named files it lists: they belong to the run and follow it.

    Empty when the document could not be understood at all.
    """

    def __init__(self, code: Code, reason: str, files: tuple[str, ...] = ()) -> None:
        super().__init__(code, reason)
        self.files = files


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest's bytes. Raises `BadManifest` that names every problem at once."""
    document = _parse_document(data)
    reader = _Reader(document)
    manifest = reader.read()
    if reader.problems:
        code = reader.problems[0][0]
        reason = "; ".join(_the_first([text for _, text in reader.problems]))
        raise BadManifest(code, reason, well_named_files(document))
    return manifest


def parse_trained_at(text: str) -> datetime:
    """An RFC 3339 time as UTC, whole seconds; without an offset it is UTC. Raises `ValueError`."""
    if not _TIME.fullmatch(text):
        raise ValueError("expected a time such as 2025-11-12T16:49:20Z")
    base, rest = text[:19], text[19:]
    leap = base.endswith(":60")  # RFC 3339 allows leap seconds, datetime does not
    moment = datetime.fromisoformat((base[:17] + "59" if leap else base).replace(" ", "T").upper())
    offset = rest[-6:] if rest[-6:-5] in {"+", "-"} else ""
    if offset:
        hours, minutes = int(offset[1:3]), int(offset[4:6])
        if hours > 23 or minutes > 59:
            raise ValueError(f"the offset {offset} is no offset")
        shift = timedelta(hours=hours, minutes=minutes)
        moment = moment - shift if offset[0] == "+" else moment + shift
    return moment.replace(tzinfo=UTC)


def parse_symbol(text: str) -> Symbol:
    """Raises `ValueError`."""
    characters = sum(character.isalnum() for character in text)
    if not _SYMBOL.match(text) or text.endswith("\n") or characters > MAX_SYMBOL_CHARACTERS:
        raise ValueError(
            f"expected 1 to {MAX_SYMBOL_CHARACTERS} letters and digits in parts joined by / - _ or :, "
            "such as SOL/USDT"
        )
    return Symbol(text.upper())


def name_problem(name: str) -> str | None:
    """Why `name` can't be an artifact's file name; None when it can."""
    if _SURROGATE.search(name):
        return "is not valid UTF-8"
    if not name or len(name.encode()) > MAX_NAME_BYTES:
        return f"must have 1 to {MAX_NAME_BYTES} bytes"
    if "/" in name or "\\" in name:
        return "must be a plain name, without / or \\"
    if name.startswith("."):
        return "must not begin with a dot"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "must not contain control characters"
    if name.endswith(MANIFEST_SUFFIX) or name in RESERVED_NAMES:
        return "is a name that the spool keeps for itself"
    return None


def well_named_files(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Every acceptable file name that a document lists as an artifact, whatever else is wrong with it."""
    artifacts = document.get("artifacts")
    if not isinstance(artifacts, dict):
        return ()
    values = (value.get("file") if isinstance(value, dict) else value for value in artifacts.values())
    names = [value for value in values if isinstance(value, str) and name_problem(value) is None]
    return tuple(dict.fromkeys(names))


def odd_time(trained_at: datetime, now: datetime) -> str | None:
    """A warning for times that are allowed but unlikely."""
    if trained_at.year < 2000:
        return f"trained_at {trained_at:%Y-%m-%d} lies before the year 2000"
    if trained_at > now + timedelta(days=1):
        return "trained_at lies more than a day in the future; is the host's clock right?"
    return None


def _the_first(texts: list[str]) -> list[str]:
    more = len(texts) - MAX_TOLD
    return [*texts[:MAX_TOLD], f"and {more} more"] if more > 0 else texts


def _parse_document(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_MANIFEST_BYTES:
        raise BadManifest(Code.TOO_BIG, f"the manifest is larger than {MAX_MANIFEST_BYTES} bytes")
    if not data.strip():
        raise BadManifest(Code.BAD_MANIFEST, "the manifest is empty")
    try:
        document = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise BadManifest(
            Code.BAD_MANIFEST, f"the manifest is not UTF-8 (byte {error.start}: {error.reason})"
        ) from error
    except RecursionError as error:
        raise BadManifest(Code.BAD_MANIFEST, "the manifest is nested too deeply") from error
    except ValueError as error:  # JSONDecodeError is one
        raise BadManifest(Code.BAD_MANIFEST, f"the manifest is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadManifest(Code.BAD_MANIFEST, "the manifest must be a JSON object")
    _check_nesting(document)
    return document


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise ValueError(f"the key {twice!a} stands twice in one object")
    return result


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _check_nesting(document: dict[str, Any]) -> None:
    """Refuse what would break later readers: deep nesting, and text that UTF-8 can't carry."""
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        if not level:
            return
        if any(_SURROGATE.search(text) for text in _texts(level)):
            raise BadManifest(Code.BAD_MANIFEST, "the manifest contains a lone surrogate (\\ud800 to \\udfff)")
        level = [child for value in level for child in _children(value)]
    raise BadManifest(Code.BAD_MANIFEST, f"the manifest is nested more than {MAX_DEPTH} deep")


def _texts(values: list[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


class _Reader:
    """Reads one parsed document and collects what is wrong with it."""

    KEYS = frozenset({"version", "symbol", "trained_at", "artifacts", "metadata"})
    ARTIFACT_KEYS = frozenset({"file", "size", "sha256"})

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.problems: list[tuple[Code, str]] = []
        self._warnings: list[str] = []

    def read(self) -> Manifest:
        self._version()
        self._unknown_keys(self._document, self.KEYS, "")
        return Manifest(
            symbol=self._symbol(),
            trained_at=self._trained_at(),
            artifacts=self._artifacts(),
            metadata=self._metadata(),
            warnings=tuple(_the_first(self._warnings)),
        )

    def _problem(self, text: str, code: Code = Code.BAD_MANIFEST) -> None:
        self.problems.append((code, text))

    def _unknown_keys(self, value: Mapping[str, Any], known: frozenset[str], where: str) -> None:
        unknown = [key for key in value if key not in known]
        self._warnings += [f"unknown key {ascii(where + key)[:80]}, ignored" for key in unknown]

    def _version(self) -> None:
        """An unknown version ends the reading: its other fields may mean something else."""
        version = self._document.get("version")
        if type(version) is int and version != VERSION:
            raise BadManifest(
                Code.UNSUPPORTED_VERSION,
                f"version {version} is not supported; this daemon knows version {VERSION}",
            )
        if type(version) is not int:
            self._problem(f"version: expected the number {VERSION}")

    def _symbol(self) -> Symbol:
        text = self._document.get("symbol")
        if not isinstance(text, str):
            self._problem("symbol: expected a text such as SOL/USDT")
            return Symbol("")
        try:
            return parse_symbol(text)
        except ValueError as error:
            self._problem(f"symbol {ascii(text)[:100]}: {error}", Code.BAD_SYMBOL)
            return Symbol("")

    def _trained_at(self) -> datetime:
        text = self._document.get("trained_at")
        try:
            if isinstance(text, str):
                return parse_trained_at(text)
            self._problem("trained_at: expected a time such as 2025-11-12T16:49:20Z")
        except (ValueError, OverflowError) as error:
            self._problem(f"trained_at {ascii(text)[:50]}: {error}")
        return datetime.fromtimestamp(0, UTC)

    def _metadata(self) -> Mapping[str, Any]:
        metadata = self._document.get("metadata", {})
        if not isinstance(metadata, dict):
            self._problem("metadata: expected a JSON object")
            return {}
        size = len(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode())
        if size > MAX_METADATA_BYTES:
            self._problem(f"metadata: {size} bytes, at most {MAX_METADATA_BYTES} are allowed")
        return metadata

    def _artifacts(self) -> tuple[Artifact, ...]:
        declared = self._document.get("artifacts")
        if not isinstance(declared, dict) or not declared:
            self._problem("artifacts: expected an object with at least one artifact")
            return ()
        read = [self._artifact(key, value) for key, value in declared.items()]
        artifacts = tuple(artifact for artifact in read if artifact is not None)
        files = [artifact.file for artifact in artifacts]
        for name in sorted({name for name in files if files.count(name) > 1}):
            self._problem(f"artifacts: {name!a} is named more than once")
        return artifacts

    def _artifact(self, key: str, value: Any) -> Artifact | None:
        where = f"artifacts.{ascii(key)[1:-1][:40]}"
        if key not in tuple(Kind):
            self._problem(f"{where}: unknown kind, expected one of {', '.join(Kind)}")
            return None
        fields = {"file": value} if isinstance(value, str) else value
        if not isinstance(fields, dict) or not isinstance(fields.get("file"), str):
            self._problem(f"{where}: expected a file name or an object with one under `file`")
            return None
        self._unknown_keys(fields, self.ARTIFACT_KEYS, f"artifacts.{key}.")
        name = fields["file"]
        if problem := name_problem(name):
            self._problem(f"{where}: the file name {ascii(name)[:300]} {problem}")
        return Artifact(Kind(key), name, self._size(where, fields), self._sha256(where, fields))

    def _size(self, where: str, fields: Mapping[str, Any]) -> int | None:
        size = fields.get("size")
        if size is None or (type(size) is int and size >= 0):
            return size
        self._problem(f"{where}.size: expected a number of bytes")
        return None

    def _sha256(self, where: str, fields: Mapping[str, Any]) -> str | None:
        digest = fields.get("sha256")
        if digest is None:
            return None
        if isinstance(digest, str) and len(digest) == 64 and _SHA256.match(digest):
            return digest.lower()
        self._problem(f"{where}.sha256: expected 64 hexadecimal digits")
        return None
