# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents in one line, and a fleet on a model cloud that a test converges, breaks and converges again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import (
    Ports,
    Report,
    Request,
    Tools,
    converge,
    preview,
)
from ansible_collections.hodei.workers.plugins.module_utils.engine.interrupt import Stop
from ansible_collections.hodei.workers.plugins.module_utils.engine.options import Options
from ansible_collections.hodei.workers.plugins.module_utils.engine.savedplan import SavedPlan
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
from ansible_collections.hodei.workers.plugins.module_utils.model.records import State
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document

from .model_cloud import Cloud, ModelProvider

OWNER = "tests"
LINEAGE = "0c6f0000-0000-4000-8000-000000000001"
OTHER_LINEAGE = "0c6f0000-0000-4000-8000-000000000002"
KEY, KEY_ID = b"k" * 32, "key-1"
NOW = 1_700_000_000.0
PROVIDER_SCHEMA: dict[str, Any] = {"model": {"properties": {}}}

Workers = str | Sequence[Mapping[str, Any]]


def document(
    workers: Workers = (),
    *,
    owner: str = OWNER,
    lineage: str = LINEAGE,
    providers: Sequence[str] = ("cloud",),
    key: bytes = KEY,
    source: str = "workers",
    moved: Sequence[Mapping[str, str]] = (),
) -> Document:
    """Parse workers, as YAML text or as data; an image and the first provider are filled in."""
    return fragments({source: workers}, owner=owner, lineage=lineage, providers=providers, key=key, moved=moved)


def fragments(
    written: Mapping[str, Workers],
    *,
    owner: str = OWNER,
    lineage: str = LINEAGE,
    providers: Sequence[str] = ("cloud",),
    key: bytes = KEY,
    moved: Sequence[Mapping[str, str]] = (),
) -> Document:
    """Parse a document that is written in several places."""
    parts = []
    for label, workers in written.items():
        listed = (yaml.safe_load(workers) or []) if isinstance(workers, str) else workers
        full = [{"image": "app:1", "provider": providers[0], **one} for one in listed]
        parts.append(Fragment(full, label))
    raw = RawDocument(owner, lineage, parts, {name: {"type": "model"} for name in providers}, moved=moved)
    return parse(raw, key=key, provider_schemas=PROVIDER_SCHEMA)


class Fleet:
    """One owner's fleet: a model cloud, a real state file, and a way to run the engine on them."""

    def __init__(
        self,
        directory: Path,
        *,
        cloud: Cloud | None = None,
        providers: Sequence[ModelProvider] | None = None,
        initialise: bool = True,
    ) -> None:
        self.cloud = cloud or Cloud()
        self.providers = {one.name: one for one in providers or [ModelProvider(self.cloud)]}
        self.path = directory / "state.db"
        self.store = SqliteState(self.path)
        self.stop = Stop()
        self.waits: list[str] = []
        if initialise and not self.store.exists():
            self.store.initialise(OWNER, LINEAGE, NOW)

    # ---- running -----------------------------------------------------------------------------------------------

    def request(self, wanted: Document | Workers, saved: SavedPlan | None = None, **options: Any) -> Request:
        """Describe a run; by default a fleet's, with prune on."""
        own = {name: options.pop(name) for name in tuple(options) if name in Request.__dataclass_fields__}
        options = {name: tuple(one) if isinstance(one, list) else one for name, one in options.items()}
        full: dict[str, Any] = {"prune": options.get("state") is None and not options.get("destroy"), **options}
        return Request(
            document=wanted if isinstance(wanted, Document) else document(wanted, providers=tuple(self.providers)),
            options=Options(**full),
            key_id=own.pop("key_id", KEY_ID),
            holder=own.pop("holder", "tester"),
            saved=saved,
            **own,
        )

    @property
    def ports(self) -> Ports:
        """What the engine meets this world through."""
        return Ports(self.store, dict(self.providers))

    @property
    def tools(self) -> Tools:
        """A clock that follows the cloud's, and ids that no other process uses."""
        return Tools(
            new_id=lambda: uuid.uuid4().hex,
            clock=lambda: self.cloud.now,
            stop=self.stop,
            on_wait=self.waits.append,
        )

    def preview(self, wanted: Document | Workers, **options: Any) -> Report:
        """Plan."""
        return preview(self.request(wanted, **options), self.ports, self.tools)

    def converge(self, wanted: Document | Workers, **options: Any) -> Report:
        """Converge, and check that state is sound afterwards."""
        report = converge(self.request(wanted, **options), self.ports, self.tools)
        assert verify(self.store.read()) == []
        return report

    def destroy(self, wanted: Document | Workers, **options: Any) -> Report:
        """Delete everything."""
        return self.converge(wanted, destroy=True, kind="destroy", **options)

    def lose_state(self) -> None:
        """Begin anew with an empty state of the same lineage, as `init` does after a loss."""
        self.store.close()
        for path in self.path.parent.glob("state.db*"):
            path.unlink()
        self.store = SqliteState(self.path)
        self.store.initialise(OWNER, LINEAGE, self.cloud.now)

    # ---- looking -----------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """What state remembers now."""
        return self.store.read()

    def addresses(self) -> list[str]:
        """The addresses of all objects of this lineage, sorted, one entry per object."""
        return sorted(one["address"] for one in self.cloud.objects() if one["lineage"] == LINEAGE)


def errors(report: Report) -> list[str]:
    """Return what went wrong."""
    return [str(one.error or one.reason) for one in report.results if one.status != "done"]


def actions(report: Report) -> dict[str, str]:
    """Return what a plan does, by address: ``{"worker.a": "create"}``; several changes of one address are joined."""
    found: dict[str, str] = {}
    for change in report.plan.pending:
        text = change.action.value + (f"+{change.then.value}" if change.then else "") + ("*" if change.deposed else "")
        address = str(change.address)
        found[address] = f"{found[address]}, {text}" if address in found else text
    return found


def statuses(report: Report) -> dict[str, str]:
    """Return what became of each address's changes."""
    found: dict[str, str] = {}
    for one in report.results:
        address = str(one.change.address)
        found[address] = f"{found[address]}, {one.status}" if address in found else one.status
    return found
