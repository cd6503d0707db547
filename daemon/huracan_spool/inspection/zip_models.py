"""Zip archives: what torch.save writes since PyTorch 1.6, TorchScript, and any other."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib

from huracan_spool.inspection.notes import Notes, Unreadable
from huracan_spool.inspection.pickles import Pickle, check_globals, read_pickle
from huracan_spool.inspection.report import told
from huracan_spool.inspection.tensors import bytes_per_element
from huracan_spool.inspection.window import Window

# RuntimeError: a member that wants a password, or the unknown
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError)
_PART = 1024 * 1024
_MOST_EXPANSION = 20  # tensors do not shrink to a twentieth, bombs do
_EXPANSION_IS_FINE = 64 * 1024 * 1024  # bytes


def check(file: Window, notes: Notes) -> None:
    """Raises `Unreadable`."""
    try:
        with zipfile.ZipFile(io.BufferedReader(file, _PART)) as archive:
            _check(archive, file.size, notes)
    except (*_DAMAGE, struct.error, ValueError) as error:
        raise Unreadable(f"its zip archive is damaged or cut off: {told(str(error))}") from error


def _check(archive: zipfile.ZipFile, size: int, notes: Notes) -> None:
    members = archive.infolist()
    names = {member.filename: member for member in members}
    root = next((name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")), None)
    notes.facts |= {"format": _format(names.keys(), root), "members": len(members)}
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(_EXPANSION_IS_FINE, _MOST_EXPANSION * size):
        notes.add("expands", f"it has {size} bytes and unpacks to {unpacked}; its checksums were not checked")
    else:
        for member in members:
            _check_member(archive, member)
    if root is None:
        notes.add("unknown_format", "a zip archive without data.pkl: not written by torch.save")
        return
    pickles = [_pickle(archive, member, notes) for member in members if member.filename.endswith(".pkl")]
    check_globals(pickles, notes)
    _check_storages(names, root, pickles)


def _format(names: object, root: str | None) -> str:
    if root is None:
        return "zip"
    return "torchscript" if f"{root}constants.pkl" in names else "torch"  # type: ignore[operator]


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Read it to its end: that is when its checksum is compared."""
    try:
        with archive.open(member) as content:
            while content.read(_PART):
                pass
    except NotImplementedError as error:
        raise Unreadable(f"it is packed in a way that is not known: {told(str(error))}", _where(member)) from error
    except _DAMAGE as error:
        raise Unreadable(f"a member is damaged: {told(str(error))}", _where(member)) from error


def _pickle(archive: zipfile.ZipFile, member: zipfile.ZipInfo, notes: Notes) -> Pickle:
    with archive.open(member) as content:
        try:
            return read_pickle(content, member.file_size, notes)
        except Unreadable as unreadable:
            raise Unreadable(unreadable.message, _where(member)) from unreadable


def _check_storages(names: dict[str, zipfile.ZipInfo], root: str, pickles: list[Pickle]) -> None:
    """The data of every tensor that data.pkl names must be there, in full length."""
    for pickle in pickles:
        for key, (kind, count) in pickle.storages.items():
            member = names.get(f"{root}data/{key}") or names.get(f"{root}constants/{key}")
            if member is None:
                raise Unreadable("the data of a tensor is missing", f"member {told(f'{root}data/{key}')}")
            width = bytes_per_element(kind)
            if width is not None and member.file_size < width * count:
                raise Unreadable(f"a tensor has {member.file_size} bytes, not {width * count}", _where(member))


def _where(member: zipfile.ZipInfo) -> str:
    return f"member {told(member.filename)}"
