# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The head of a store's file: which store it is, how far it got, which keys it is under, and a digest of everything.

Secrets fall into 256 buckets by a hash of their path. The head holds one digest for each bucket, over the authentication codes of
its secrets, and is itself authenticated. So whoever reads one secret checks the head and one bucket: that proves that it is the
latest, or that there is none, and costs the same in a large store nearly as in a small one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ...model.errors import HodeiError, Kind
from ...model.store import Fault, StoreError
from .crypto import SCHEMA, Kek
from .sources import Stretch

BUCKETS, DIGEST_BYTES = 256, 32
_EMPTY = hashlib.sha256().digest()


@dataclass(frozen=True)
class KeyEntry:
    """A key that the store is under; ``stretch`` when it is made of a passphrase."""

    id: str
    stretch: Stretch | None = None


@dataclass(frozen=True)
class Head:
    """``generation`` grows by one with each write. ``keys`` are those under which anything is, the one for new things first."""

    store: str
    generation: int
    keys: tuple[KeyEntry, ...]
    digests: bytes = _EMPTY * BUCKETS

    @property
    def key(self) -> str:
        """The id of the key that new things are wrapped by, and that authenticates the head."""
        return self.keys[0].id

    def digest(self, bucket: int) -> bytes:
        """Return the digest of a bucket."""
        return self.digests[bucket * DIGEST_BYTES : (bucket + 1) * DIGEST_BYTES]

    def with_digest(self, bucket: int, digest: bytes) -> Head:
        """Return the head with another digest of a bucket."""
        start = bucket * DIGEST_BYTES
        return replace(self, digests=self.digests[:start] + digest + self.digests[start + DIGEST_BYTES :])


def bucket_of(path: str) -> int:
    """Return the bucket of a secret."""
    return hashlib.sha256(path.encode()).digest()[0]


def digest_of(codes: Iterable[bytes]) -> bytes:
    """Return the digest of a bucket from the codes of its secrets, in the order of their paths."""
    return hashlib.sha256(b"".join(codes)).digest()


def encode(head: Head, kek: Kek) -> tuple[bytes, bytes, bytes]:
    """Return the columns of the head: document, digests, code."""
    document = {
        "schema": SCHEMA,
        "store": head.store,
        "generation": head.generation,
        "keys": [_key_document(one) for one in head.keys],
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return text, head.digests, kek.authenticate("head", head.digests + text) + _checksum(text, head.digests)


def decode(document: bytes, digests: bytes, code: bytes) -> Head:
    """Return a head, of which nothing is certain yet but that no accident has changed it. Raises CORRUPT, HodeiError(compatibility).

    It has to be read before there is a key, because it says which key that is. A wrong key and a damaged file would look alike
    without the checksum that stands behind the code.
    """
    if code[DIGEST_BYTES:] != _checksum(document, digests) or len(digests) != BUCKETS * DIGEST_BYTES:
        raise corrupt("its head is not what was written")
    try:
        found = json.loads(document)
        head = Head(found["store"], found["generation"], tuple(map(_key_entry, found["keys"])), digests)
        schema = found["schema"]
    except (ValueError, KeyError, TypeError):
        raise corrupt("its head is nothing that any version wrote") from None
    if schema != SCHEMA:
        raise HodeiError(
            Kind.COMPATIBILITY,
            f"the store has format {schema}, and this version reads format {SCHEMA}",
            hint="Use the version of hodei.workers that wrote it, or a newer one.",
        )
    if not head.keys or not all(one.stretch is None or one.stretch.sane() for one in head.keys):
        raise corrupt("its head names no keys, or keys that nobody could have made")
    return head


def verify(document: bytes, digests: bytes, code: bytes, kek: Kek) -> None:
    """Raise CORRUPT unless the head was written by somebody who has the key."""
    if not kek.confirms(code[:DIGEST_BYTES], "head", digests + document):
        raise corrupt("its head was not written by anybody who has its key")


def corrupt(message: str, where: str = "") -> StoreError:
    """Return the error for a store that can be opened but not believed."""
    return StoreError(
        Fault.CORRUPT,
        f"the store is damaged or was tampered with: {message}; nothing was changed",
        hint="Restore secrets.db from a backup; if no disk is failing, find out who can write it.",
        where=where,
    )


def _checksum(document: bytes, digests: bytes) -> bytes:
    return hashlib.sha256(digests + document).digest()


def _key_document(entry: KeyEntry) -> dict[str, object]:
    if entry.stretch is None:
        return {"id": entry.id}
    return {"id": entry.id, **entry.stretch._asdict(), "salt": base64.b64encode(entry.stretch.salt).decode()}


def _key_entry(document: dict[str, object]) -> KeyEntry:
    fields = dict(document)
    key_id = str(fields.pop("id"))
    if not fields:
        return KeyEntry(key_id)
    salt = base64.b64decode(str(fields.pop("salt")))
    return KeyEntry(key_id, Stretch(salt, **{name: int(str(value)) for name, value in fields.items()}))
