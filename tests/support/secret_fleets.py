# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An owner's secrets in embedded stores that a test converges, changes and converges again, without Ansible."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.hodei.workers.plugins.module_utils.access.audit.keys import create_audit_key, stored_keys
from ansible_collections.hodei.workers.plugins.module_utils.ansible.access import Asking
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_chain import LateAudit
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_info import audit_directory
from ansible_collections.hodei.workers.plugins.module_utils.ansible.credentials import Credentials
from ansible_collections.hodei.workers.plugins.module_utils.ansible.stores import open_stores
from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import (
    Ports,
    Report,
    Request,
    Tools,
    converge,
    preview,
)
from ansible_collections.hodei.workers.plugins.module_utils.engine.options import Options
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.holder import this_process
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Stage, Store
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document
from ansible_collections.hodei.workers.plugins.module_utils.stores.registry import store_schemas, store_type

from .fleets import KEY, KEY_ID, LINEAGE, NOW, OWNER, PROVIDER_SCHEMA
from .model_cloud import COLUMN, Cloud, ModelProvider

Secrets = str | Sequence[Mapping[str, Any]]


def secrets(
    written: Secrets,
    *,
    stores: Sequence[str] = ("local",),
    key: bytes = KEY,
    source: str = "secrets",
    owner: str = OWNER,
    lineage: str = LINEAGE,
    workers: Secrets = (),
) -> Document:
    """Parse secrets, as YAML text or as data; the first store is filled in, and an image for workers."""
    full = [{"store": stores[0], **one} for one in _listed(written)]
    raw = RawDocument(
        owner,
        lineage,
        [Fragment([{"image": "app:1", **one} for one in _listed(workers)])],
        {"cloud": {"type": "model"}},
        stores={name: {"type": "local"} for name in stores},
        secrets=[Fragment(full, source)],
    )
    return parse(raw, key=key, provider_schemas=PROVIDER_SCHEMA, store_schemas=store_schemas())


def _listed(written: Secrets) -> Sequence[Mapping[str, Any]]:
    return (yaml.safe_load(written) or []) if isinstance(written, str) else written


class SecretFleet:
    """A real state file and real embedded stores below a directory, and a model cloud for workers."""

    def __init__(self, directory: Path, *, stores: Sequence[str] = ("local",)) -> None:
        self.stores = tuple(stores)
        self.place = directory
        self.column = COLUMN
        self.cloud = Cloud(directory / "cloud.json")
        self.state = SqliteState(directory / "state.db")
        if not self.state.exists():
            self.state.initialise(OWNER, LINEAGE, NOW)
        if not stored_keys(audit_directory(directory)):
            create_audit_key(audit_directory(directory))
        document = self.document("[]")
        for name, config in document.stores.items():
            found = store_type("local").found
            assert found is not None
            found(name, config, directory / "stores" / name, False)

    def document(self, written: Secrets, **more: Any) -> Document:
        """Parse secrets for the stores that there are."""
        return secrets(written, stores=self.stores, **more)

    def store(self, name: str = "local") -> Store:
        """Open a store as somebody else does."""
        config = self.document("[]").stores[name]
        return store_type("local").make(name, config, self.place / "stores" / name)

    def value(self, path: str, store: str = "local") -> str:
        """Return what readers get."""
        return self.store(store).get(SecretName.parse(path)).value.text()

    def versions(self, path: str, store: str = "local") -> int:
        """Return the number of the current version."""
        current = self.store(store).describe(SecretName.parse(path)).at(Stage.CURRENT)
        return current.number if current else 0

    def converge(self, wanted: Document | Secrets, **options: Any) -> Report:
        """Converge, as a process of its own does, and check that state is sound afterwards."""
        report = self._run(converge, wanted, **options)
        assert verify(self.state.read()) == []
        return report

    def preview(self, wanted: Document | Secrets, **options: Any) -> Report:
        """Plan."""
        return self._run(preview, wanted, **options)

    def worker(self, address: str) -> dict[str, Any]:
        """Return a worker as the model cloud has it."""
        (found,) = [one for one in self.cloud.objects() if one["address"] == address]
        return found

    def _run(self, call: Any, wanted: Document | Secrets, **options: Any) -> Report:
        document = wanted if isinstance(wanted, Document) else self.document(wanted)
        read_only, destroying = call is preview, options.pop("destroying", False)
        now = options.pop("now", NOW)
        auditor = LateAudit(self.place, OWNER)
        opened = open_stores(
            document,
            Credentials(document.stores, self.place / "stores", auditor, Asking()),
            read_only=read_only,
            auditor=auditor,
            asking=Asking(),
            destroying=destroying,
        )
        full: dict[str, Any] = {"prune": options.get("state") is None and not options.get("destroy"), **options}
        request = Request(
            document=document, options=Options(**full), key_id=KEY_ID, holder=str(this_process()), lease_timeout=0.0
        )
        try:
            clock = itertools.count(now).__next__
            tools = Tools(new_id=lambda: uuid.uuid4().hex, clock=lambda: float(clock()))
            report: Report = call(
                request, Ports(self.state, {"cloud": ModelProvider(self.cloud, column=self.column)}, opened), tools
            )
        finally:
            for one in opened.values():
                one.close()
        return report

    def lose_state(self) -> None:
        """Forget all that state knows."""
        self.state.close()
        for file in self.place.glob("state.db*"):
            file.unlink()
        self.state = SqliteState(self.place / "state.db")
        self.state.initialise(OWNER, LINEAGE, NOW)
