"""Taking an uploaded run's files out of the spool, after its receipt is durable.

The order, and what a crash after each step leaves:

1. receipt written and durable: everything is still there; the next start finds receipt and manifest and
   begins here again.
2. the model kept locally, durable: the copy is made again or found complete.
3. each artifact removed: the receipt says what is still to go.
4. the manifest removed: nothing is pending. Not earlier, or artifacts could be left that nobody names.
5. the directory synced: nothing comes back after a power cut; until then step 1 covers it.

A file is removed only if it is the very one that was sent: it is renamed out of sight first, looked at there,
and put back if a producer has replaced it between our look and our rename.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress

from huracan_spool.receipt import Receipt
from huracan_spool.spool import protocol
from huracan_spool.spool.directory import Spool
from huracan_spool.spool.files import Identity, identity_at, rename_noreplace
from huracan_spool.spool.opening import pending_manifest
from huracan_spool.spool.receipts import read_receipt

MANIFEST_ROLE = "manifest"


def unfinished_cleanup(spool: Spool, run: str) -> Receipt | None:
    """The receipt of a pending run that is uploaded and only has to be cleaned up.

    That is so when the manifest is the one that was settled and every artifact is still the same, or gone.
    With any difference it is a new submission under an old name. Raises `OSError`.
    """
    receipt = read_receipt(spool, run)
    if receipt is None or not receipt.uploaded or receipt.manifest is None:
        return None
    pending = pending_manifest(spool, run)
    if pending is None or not receipt.manifest.same_file(pending.identity):
        return None
    if receipt.manifest_sha256 != pending.sha256:
        return None
    found = ((each.identity, identity_at(spool.root, each.file)) for each in receipt.artifacts.values())
    if not all(now is None or identity.same_file(now) for identity, now in found):
        return None
    os.fsync(spool.receipts)  # whoever wrote it may have been killed between its name and the sync of its folder
    return receipt


def remove_files(spool: Spool, receipt: Receipt, shared: Collection[str]) -> None:
    """Remove what the receipt lists, but for `shared` files that another pending run still needs.

    Nor what a newer manifest of the same name lists, put there while this one was on its way. Raises `OSError`;
    may be repeated.
    """
    needed = {*shared, *_named_anew(spool, receipt)}
    for kind, artifact in receipt.artifacts.items():
        if artifact.file not in needed:
            remove(spool, receipt.run, kind, artifact.file, artifact.identity)
    if receipt.manifest is not None:
        remove(spool, receipt.run, MANIFEST_ROLE, protocol.manifest_name(receipt.run), receipt.manifest)
    os.fsync(spool.root)


def _named_anew(spool: Spool, receipt: Receipt) -> tuple[str, ...]:
    pending = pending_manifest(spool, receipt.run)
    if pending is None or pending.manifest is None or pending.identity.same_file(receipt.manifest):
        return ()
    return pending.manifest.files


def remove(spool: Spool, run: str, role: str, name: str, identity: Identity) -> None:
    if not identity.same_file(identity_at(spool.root, name)):
        return
    hidden = protocol.removal_name(run, role)
    try:
        rename_noreplace(spool.root, name, spool.root, hidden)
    except FileNotFoundError:
        return
    except FileExistsError:  # left by a crash
        finish_removal(spool, hidden)
        rename_noreplace(spool.root, name, spool.root, hidden)
    _remove_or_restore(spool, hidden, name, identity)


def finish_removal(spool: Spool, hidden: str) -> bool:
    """Finish a removal that a crash interrupted; False when no receipt explains the file, which then stays."""
    parsed = protocol.parse_removal_name(hidden)
    receipt = read_receipt(spool, parsed[0]) if parsed else None
    if parsed is None or receipt is None:
        return False
    files = {str(kind): (artifact.file, artifact.identity) for kind, artifact in receipt.artifacts.items()}
    if receipt.manifest is not None:
        files[MANIFEST_ROLE] = (protocol.manifest_name(receipt.run), receipt.manifest)
    if parsed[1] not in files:
        return False
    _remove_or_restore(spool, hidden, *files[parsed[1]])
    return True


def _remove_or_restore(spool: Spool, hidden: str, name: str, identity: Identity) -> None:
    if not identity.same_file(identity_at(spool.root, hidden)):
        # Somebody replaced the file in the instant before our rename. What we hold is theirs: give it back,
        # unless they have replaced it again, which is what their rename would have done to it.
        with suppress(FileExistsError):
            rename_noreplace(spool.root, hidden, spool.root, name)
            return
    with suppress(FileNotFoundError):
        os.unlink(hidden, dir_fd=spool.root)
