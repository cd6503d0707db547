"""Where settings come from: a YAML file, the environment, systemd's credentials. Nothing is judged here.

The YAML is composed but never constructed: scalars stay as they were written, so that `08:00` is no number in
base 60, `off` no boolean and `2025-11-12` no date, and no tag can make an object. Messages of PyYAML are cut
to their first part; the rest quotes the file, and the quoted line may be the one with the token.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from difflib import get_close_matches
from shlex import quote
from typing import TYPE_CHECKING

import yaml

from huracan_spool.settings.model import KEYS, SECTIONS
from huracan_spool.settings.names import PLACEHOLDER
from huracan_spool.settings.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from huracan_spool.settings.model import Key

PREFIX = "HURACAN_"

# Variables of ours that are no settings: the producer library reads them.
NOT_SETTINGS = frozenset({"HURACAN_SPOOL_DISABLED"})

# A configuration is a page; more is a mistake in `--config`.
_LARGEST_FILE = 1024**2

_NULLS = frozenset({"", "~", "null"})
_BY_PATH = {key.path: key for key in KEYS}


@dataclass(frozen=True, slots=True)
class Given:
    """A value as somebody wrote it. Its `repr` leaves the text out, which may be a token."""

    text: str = field(repr=False)
    origin: str


@dataclass(slots=True)
class Found:
    """What one source holds."""

    values: dict[str, Given] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    forbidden: bool = False


def from_environment(environ: Mapping[str, str]) -> Found:
    """An empty variable counts as none: that is how a container's set-up says "not set"."""
    variables = {key.variable: key for key in KEYS}
    found = Found()
    for name, text in environ.items():
        if key := variables.get(name):
            if stripped := text.strip():
                found.values[key.path] = Given(stripped, f"environment {name}")
        elif name.startswith(PREFIX) and name not in NOT_SETTINGS:
            found.warnings.append(f"{_printable(name)} in the environment is no setting{_meant(name, variables)}")
    return found


def from_credentials(directory: Path | None) -> Found:
    found = Found()
    if directory is not None:
        for key in KEYS:
            if key.is_secret:
                _read_credential(directory / key.credential, key, found)
    return found


def _read_credential(path: Path, key: Key, found: Found) -> None:
    origin = f"credential {key.credential}"
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        found.problems.append(Problem(key.path, f"expected a readable text file: {_cause(error)}", origin))
        return
    if text:
        found.values[key.path] = Given(text, origin)


def from_file(path: Path, *, required: bool) -> Found:
    """A file that is not `required` may be missing. One that shows a secret to others is `forbidden`."""
    found = Found()
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        if required or not isinstance(error, FileNotFoundError):
            found.problems.append(Problem(str(path), f"expected a readable file: {_cause(error)}", "file"))
            found.forbidden = isinstance(error, PermissionError)
        return found
    _read_yaml(path, content, found)
    if mode & 0o007 and any(map(_is_real_secret, found.values.items())):
        found.forbidden = True
        found.problems.insert(0, _too_open(path, mode))
    return found


def from_login(path: Path) -> Found:
    """What `auth login` stored; only secrets have a place there."""
    found = from_file(path, required=False)
    for name in [name for name in found.values if not _BY_PATH[name].is_secret]:
        origin = found.values.pop(name).origin
        found.problems.append(Problem(name, "expected in the configuration, not beside a log-in", origin))
    return found


def _is_real_secret(item: tuple[str, Given]) -> bool:
    path, given = item
    return _BY_PATH[path].is_secret and not given.text.upper().startswith(PLACEHOLDER)


def _too_open(path: Path, mode: int) -> Problem:
    reason = f"holds a secret and is open to others (mode {mode & 0o7777:04o}): chmod o-rwx {quote(str(path))}"
    return Problem(str(path), reason, "file")


def _read_yaml(path: Path, content: bytes, found: Found) -> None:
    if len(content) > _LARGEST_FILE:
        found.problems.append(Problem(str(path), "expected at most 1 MiB of YAML", "file"))
        return
    try:
        root = yaml.compose(content.decode("utf-8-sig"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        found.problems.append(Problem(str(path), f"expected YAML: {_cause(error)}", "file"))
        return
    if root is None or _is_null(root):
        return
    if isinstance(root, yaml.MappingNode):
        _Reader(path, found).read_top(root)
    else:
        found.problems.append(Problem(str(path), "expected sections such as `dropbox:`", "file"))


class _Reader:
    """Walks the two levels of a configuration."""

    def __init__(self, path: Path, found: Found) -> None:
        self._path = path
        self._found = found

    def read_top(self, root: yaml.MappingNode) -> None:
        for name, node, where in self._entries("", root):
            if name not in SECTIONS:
                self._read_key(name, node, where)
            elif isinstance(node, yaml.MappingNode):
                for key_name, value, line in self._entries(name, node):
                    self._read_key(f"{name}.{key_name}", value, line)
            elif not _is_null(node):
                self._problem(name, f"expected keys below it: {', '.join(_names_in(name))}", where)

    def _entries(self, section: str, mapping: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, str]]:
        """Each name once, with its line; a name that comes again is a problem, and the first one counts."""
        seen: set[str] = set()
        for key_node, value in mapping.value:
            name = key_node.value if isinstance(key_node, yaml.ScalarNode) else "(a list or mapping)"
            where = f"{self._path}:{key_node.start_mark.line + 1}"
            if name in seen:
                self._problem(f"{section}.{name}".lstrip("."), "expected once, is there again", where)
            else:
                seen.add(name)
                yield name, value, where

    def _read_key(self, path: str, node: yaml.Node, where: str) -> None:
        key = _BY_PATH.get(path)
        if key is None:
            self._problem(path, _unknown(path), where)
            return
        if _is_null(node):
            return
        text = _text_of(node, many=key.many)
        if text is None:
            wanted = "a value or a list of values" if key.many else "a single value"
            self._problem(path, f"expected {wanted}", where)
        elif text or not key.is_secret:
            self._found.values[path] = Given(text, where)

    def _problem(self, path: str, reason: str, where: str) -> None:
        self._found.problems.append(Problem(_printable(path), reason, where))


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value.lower() in _NULLS


def _text_of(node: yaml.Node, *, many: bool) -> str | None:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value).strip()
    if many and isinstance(node, yaml.SequenceNode):
        texts = [_text_of(item, many=False) for item in node.value]
        return " ".join(map(str, texts)) if None not in texts else None
    return None


def _names_in(section: str) -> list[str]:
    return [key.name for key in KEYS if key.section == section] + ([] if section else list(SECTIONS))


def _unknown(path: str) -> str:
    section, _, name = path.rpartition(".")
    elsewhere = [key.path for key in KEYS if key.name == name]
    close = get_close_matches(name, _names_in(section), n=1) or elsewhere
    meant = f" (did you mean {close[0]}?)" if close else ""
    return f"expected one of {', '.join(_names_in(section))}{meant}"


def _meant(name: str, variables: Iterable[str]) -> str:
    close = get_close_matches(name, list(variables), n=1, cutoff=0.8)
    return f" (did you mean {close[0]}?)" if close else ""


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)


def _cause(error: Exception) -> str:
    """Says what is wrong without quoting any content."""
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"{error.problem} in line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
    return {UnicodeDecodeError: "not in UTF-8", RecursionError: "nested too deep"}.get(
        type(error), "a character that YAML does not allow"
    )
