# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Anchors: places outside of a chain that remember how far it had got."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ...durable.draft import draft_of, sync_directory, write_durably
from ...model.audit import AuditHead, refuse_older
from ...model.errors import HodeiError, Kind
from ...model.secret_name import SecretName
from ...model.secret_value import SecretValue
from ...model.state_store import StateStore
from ...model.store import Fault, Metadata, Store, StoreError
from .export import anchor_line
from .relp import send


class StateAnchor:
    """The fleet's state. In the directory of the chain it withstands accidents only; on another machine, whoever has this one too."""

    name = "the state"

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def put(self, head: AuditHead) -> None:
        """Remember a head."""
        self._state.anchor(head)

    def get(self, writer: str) -> AuditHead | None:
        """Return the latest head."""
        return self._state.anchors().get(writer) if self._state.exists() else None


class StoreAnchor:
    """A secret ``hodei-audit/WRITER`` of a credential store: each head is a version."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.name = f"the store {name}"

    def put(self, head: AuditHead) -> None:
        """Remember a head."""
        name = _secret_name(head.writer)
        known = self._read(name)
        refuse_older(known[0] if known else None, head, self.name)
        metadata = Metadata(tags={"seq": str(head.seq)})
        self._store.put(name, SecretValue(_encode(head)), expected=known[1] if known else 0, metadata=metadata)

    def get(self, writer: str) -> AuditHead | None:
        """Return the latest head."""
        known = self._read(_secret_name(writer))
        return known[0] if known else None

    def _read(self, name: SecretName) -> tuple[AuditHead, int] | None:
        try:
            found = self._store.get(name)
        except StoreError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            raise
        return _decode(found.value.reveal(), f"{self.name}: {name.path}"), found.version.number


class FileAnchor:
    """A file in another directory: on another machine's disk, or of another user who gives no right to change it back."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.name = f"the directory {directory}"

    def put(self, head: AuditHead) -> None:
        """Remember a head."""
        refuse_older(self.get(head.writer), head, self.name)
        path = self._path(head.writer)
        try:
            with draft_of(path) as draft:
                write_durably(draft, _encode(head) + b"\n")
                os.replace(draft, path)
            sync_directory(path.parent)
        except OSError as error:
            raise self._unusable(error) from error

    def get(self, writer: str) -> AuditHead | None:
        """Return the latest head."""
        try:
            data = self._path(writer).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error
        return _decode(data, str(self._path(writer)))

    def _path(self, writer: str) -> Path:
        return self._directory / f"{writer.replace('/', '_')}.json"

    def _unusable(self, error: OSError) -> HodeiError:
        return HodeiError(
            Kind.CONFIGURATION,
            f"the audit chain cannot be anchored in {self._directory}: {error.strerror or error}",
            hint="Make the directory, and let the user who runs the task write there.",
        )


class SyslogAnchor:
    """A syslog server that takes RELP and acknowledges each message. It cannot be asked: a head is looked up there by people."""

    def __init__(self, host: str, port: int, machine: str, clock: Callable[[], float], timeout: float = 10.0) -> None:
        self._address = host, port
        self._machine = machine
        self._clock = clock
        self._timeout = timeout
        self.name = f"the syslog server {host}:{port}"

    def put(self, head: AuditHead) -> None:
        """Send a head; the server has taken it when this returns."""
        time = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        send(self._address, [anchor_line(head, time, self._machine).encode()], self._timeout)

    def get(self, writer: str) -> AuditHead | None:
        """Return None: nobody can ask it."""
        return None


class GivenAnchor:
    """A head that somebody has written down, or found in a log: ``SEQ:HASH``."""

    def __init__(self, text: str) -> None:
        seq, _unused, digest = text.strip().partition(":")
        if not seq.isdecimal() or len(digest) != 64:
            raise HodeiError(
                Kind.VALIDATION,
                f"'{text}' is no head of an audit chain",
                hint="A head is NUMBER:SHA256, as audit_info returns it.",
            )
        self.name = f"the head {text.strip()[:20]}"
        self._seq, self._hash = int(seq), digest

    def put(self, head: AuditHead) -> None:
        """Do nothing: a text remembers nothing else."""

    def get(self, writer: str) -> AuditHead | None:
        """Return it."""
        return AuditHead(writer, self._seq, self._hash)


def _secret_name(writer: str) -> SecretName:
    return SecretName(f"hodei-audit/{writer}")


def _encode(head: AuditHead) -> bytes:
    document = {"writer": head.writer, "seq": head.seq, "hash": head.hash}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _decode(data: bytes, place: str) -> AuditHead:
    try:
        document = json.loads(data)
        return AuditHead(str(document["writer"]), int(document["seq"]), str(document["hash"]))
    except (ValueError, KeyError, TypeError):
        raise HodeiError(
            Kind.INTERNAL,
            f"what anchors the audit chain is damaged: {place}",
            hint="Find out who has changed it, and compare the chain with another anchor.",
        ) from None
