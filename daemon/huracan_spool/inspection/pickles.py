"""What a pickle would do, told from its opcodes. It is never executed.

Besides the globals (what loading would import and may call) this finds PyTorch's storages: tuples such as
`('storage', torch.FloatStorage, '0', 'cpu', 1024)` that stand for tensor data kept elsewhere in the file.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, Any, Protocol, cast

from huracan_spool.inspection.notes import Notes, Unreadable, first_of, plural
from huracan_spool.inspection.report import told

MAX_PICKLE_BYTES = 32 * 1024 * 1024
_MOST_LINE = 64 * 1024
_MOST_OPCODES = 2_000_000  # several seconds
_MOST_GLOBALS = 10_000
_MOST_TEXTS = 100_000

# Loading these runs what the file's author wrote, or reaches what does.
_CODE_MODULES = re.compile(
    r"(os|posix|nt|posixpath|ntpath|subprocess|sys|runpy|importlib|imp|pty|shutil|socket|ssl|ctypes|_ctypes|code|codeop"
    r"|commands|pdb|bdb|cProfile|profile|timeit|trace|doctest|webbrowser|platform|signal|threading|_thread"
    r"|multiprocessing|asyncio|concurrent|pickle|_pickle|marshal|shelve|dill|cloudpickle|joblib|types|inspect"
    r"|functools|_operator|operator|pkgutil|pip|setuptools|ensurepip|venv|zipimport|tempfile|pathlib|io|_io"
    r"|http|urllib|requests|ftplib|smtplib|telnetlib|xmlrpc|gc|weakref|builtins|__builtin__|__main__|torch\.hub"
    r"|torch\.utils\.cpp_extension|torch\._inductor|torch\._dynamo|torch\.jit\.unsupported_tensor_ops"
    r"|numpy\.testing|numpy\.distutils|numpy\.f2py)(\..*)?"
)
_HARMLESS_BUILTINS = re.compile(
    r"(builtins|__builtin__)\.(set|frozenset|dict|list|tuple|slice|range|complex|bytearray|bytes|str|int|float|bool"
    r"|object|NoneType)"
)
# What a state dict, an optimiser's state or a table of numbers needs: data, and functions that put data together.
_LISTED = re.compile(
    r"collections\.(OrderedDict|defaultdict|deque|Counter)|datetime\.\w+|decimal\.Decimal|uuid\.UUID|fractions\.Fraction"
    r"|copyreg\._reconstructor|_codecs\.encode|torch|torch\.\w*Storage|torch\.Tensor|torch\.Size|torch\.dtype"
    r"|torch\.device|torch\.Generator|torch\.(float|double|half|bfloat|int|uint|long|short|bool|complex)\w*"
    r"|torch\.(q?u?int\d+|strided|sparse_\w+|per_(tensor|channel)_\w+)|torch\._utils\._rebuild_\w+"
    r"|torch\._tensor\._rebuild_\w+|torch\.serialization\._get_layout|torch\.storage\.(_Typed|_Untyped|Typed|Untyped)Storage"
    r"|torch\.nn\.parameter\.(Parameter|Buffer)|torch\.distributed\._tensor\.\w+"
    r"|__torch__\..+|torch\.jit\._pickle\.\w+"  # TorchScript: types in the archive, and lists of numbers
    r"|numpy\.(ndarray|dtype|bool_|float\d+|int\d+|uint\d+)|numpy(\._?core)?\.multiarray\.(_reconstruct|scalar)"
    r"|numpy\._?core\.numeric\._frombuffer|numpy\.dtypes\.\w+DType|numpy\.random\._pickle\.\w+"
)


class ByteSource(Protocol):
    """An open file, as far as a pickle is read from it."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


@dataclass
class Pickle:
    """`globals` as `module.name`; `storages` by key: the storage class and the number of its elements."""

    globals: set[str] = field(default_factory=set)
    storages: dict[str, tuple[str, int]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    computed_names: int = 0


class _Limited:
    """What `pickletools` reads from. It never gets more than is there, whatever length the pickle claims."""

    def __init__(self, file: ByteSource, most: int) -> None:
        self._file = file
        self._rest = most

    def read(self, size: int) -> bytes:
        if size > self._rest:
            raise EOFError
        self._rest -= size
        return self._file.read(size)

    def readline(self) -> bytes:
        line = self._file.readline(min(self._rest, _MOST_LINE))
        self._rest -= len(line)
        return line


def read_pickle(file: ByteSource, size: int, notes: Notes) -> Pickle:
    """Read one pickle from where `file` stands; afterwards `file` stands behind it.

    `size` is how many bytes there are for it. Raises `Unreadable` when it does not end within them.
    """
    most = min(size, MAX_PICKLE_BYTES)
    reader = _Reader()
    steps = pickletools.genops(cast("IO[bytes]", _Limited(file, most)))
    try:
        for number, (opcode, argument, _) in enumerate(steps):
            reader.take(opcode.name, argument)
            if number >= _MOST_OPCODES or len(reader.pickle.globals) > _MOST_GLOBALS:
                notes.add("not_checked", f"its pickle has more than {number} steps; only those were looked at")
                break
    except EOFError:
        if size > most:
            notes.add("not_checked", f"its pickle goes on after {most} bytes; only those were looked at")
        else:
            raise Unreadable("its pickle ends in the middle") from None
    except (ValueError, UnicodeError, OverflowError) as error:
        raise Unreadable(f"its pickle can't be read: {told(str(error))}") from error
    return reader.pickle


class _Reader:
    """Follows texts, globals and numbers through a pickle, as far as needed to see them put side by side."""

    def __init__(self) -> None:
        self.pickle = Pickle()
        self._memo: dict[int, Any] = {}
        self._recent: list[Any] = []

    def take(self, name: str, argument: Any) -> None:
        if name in {"GLOBAL", "INST"}:
            self._global(".".join(argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            self._stack_global()
        elif name.startswith("EXT"):
            self.pickle.computed_names += 1
        elif name in {"BINPUT", "LONG_BINPUT", "PUT"}:
            self._memo[argument] = self._recent[-1] if self._recent else None
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = self._recent[-1] if self._recent else None
        elif name in {"BINGET", "LONG_BINGET", "GET"}:
            self._push(self._memo.get(argument))
        elif name == "BINPERSID":
            self._storage()
        elif name not in {"MARK", "PROTO", "FRAME"}:
            self._push(argument if isinstance(argument, str | int) else None)
            if isinstance(argument, str) and len(self.pickle.texts) < _MOST_TEXTS:
                self.pickle.texts.append(argument)

    def _push(self, value: Any) -> None:
        self._recent.append(value)
        if len(self._recent) > 16:
            del self._recent[:8]

    def _global(self, name: str) -> None:
        self.pickle.globals.add(name)
        self._push(_Global(name))

    def _stack_global(self) -> None:
        match self._recent[-2:]:
            case [str(module), str(name)]:
                self._global(f"{module}.{name}")
            case _:
                self.pickle.computed_names += 1
                self._push(None)

    def _storage(self) -> None:
        """The last things pushed are the tuple's, then the tuple; older versions have a view's data as well."""
        recent = self._recent
        for at in range(len(recent) - 1, 3, -1):
            match recent[at - 4 : at + 1]:
                case ["storage", _Global(name=name), str(key), str(_), int(count)] if count >= 0:
                    self.pickle.storages[key] = (name, count)
                    return


@dataclass(frozen=True)
class _Global:
    name: str


def check_globals(pickles: Iterable[Pickle], notes: Notes) -> None:
    """Facts and findings on what loading would import."""
    pickles = list(pickles)
    names = sorted({name for each in pickles for name in each.globals})
    notes.facts["globals"] = first_of(names)
    running = [name for name in names if _runs_code(name)]
    unlisted = [name for name in names if not _runs_code(name) and not _is_listed(name)]
    if running:
        notes.add(
            "runs_code",
            f"loading it would import what can run code: {_some(running)}",
            f"global {told(running[0])}",
        )
    if unlisted:
        notes.add(
            "unlisted_globals",
            f"loading it needs more than tensors: {_some(unlisted)}",
            f"global {told(unlisted[0])}",
        )
    computed = sum(each.computed_names for each in pickles)
    if computed:
        notes.add("runs_code", f"{plural(computed, 'global')} under a name that only loading would tell")


def _runs_code(name: str) -> bool:
    return bool(_CODE_MODULES.fullmatch(name)) and not _HARMLESS_BUILTINS.fullmatch(name)


def _is_listed(name: str) -> bool:
    return bool(_LISTED.fullmatch(name) or _HARMLESS_BUILTINS.fullmatch(name))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(told(name) for name in names[:3]) + more
