# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that examines everything: machine, document, state, lease, providers; one finding never hides another."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ...engine.converge import Ports, Request, Tools, preview
from ...engine.naming import counted
from ...engine.options import Options
from ...engine.state.keys import load_key
from ...engine.state.sqlite import SqliteState
from ...model.configs import read_providers
from ...model.errors import HodeiError
from ...model.finding import Finding, findings_of, ok, problem, warning
from ...model.ports import ObjectProvider, Provider
from ...model.records import State
from ...model.settings import Setting
from ...model.worker import Document
from ...providers.registry import config_schemas
from ...stores.objects import SecretObjects
from .. import session
from ..access import Asking
from ..credentials import Credentials
from ..payload import NO_LINEAGE, Payload, directory_of, parse_payload, read_payload, read_settings
from ..run_secrets import RunSecrets
from ..sealed_arguments import opened
from . import machine, state, world
from .chart import Chart, concluded, rows


def run_doctor(module: AnsibleModule) -> dict[str, Any]:
    """Examine everything. Changes nothing, takes no lease, and never fails half-way."""
    chart = Chart()
    started, since = time.time(), time.monotonic()
    chart.note("interpreter", machine.interpreter())
    chart.note("libraries", machine.libraries(module.ansible_version or ""))
    chart.note("rights", machine.user())
    examination = _Examination(chart, module.params)
    try:
        examination.run()
    finally:
        examination.close()
    now = time.time()
    drifted = abs((now - started) - (time.monotonic() - since))
    if drifted > 1.0:
        chart.findings.append(
            problem(
                "clock", f"the clock jumped by {drifted:.0f} s while this ran", "See what sets it; leases go by it."
            )
        )
    return {"changed": False, "now": now, "owner": examination.owner, **concluded(rows(chart.findings))}


class _Examination:
    """What depends on one another: without an owner there is no place, without a key no document can be compared."""

    def __init__(self, chart: Chart, params: Mapping[str, Any]) -> None:
        self._chart = chart
        self._params = params
        self._providers: dict[str, Provider] = {}
        self._stores: Mapping[str, SecretObjects] = {}
        self._credentials: Credentials | None = None
        self._store: SqliteState | None = None
        self._broken = False  # the controller could not gather all of the document
        self.owner = ""

    def close(self) -> None:
        """Give back what was opened."""
        for one in self._asked().values():
            one.close()
        if self._credentials is not None:
            self._credentials.close()
        if self._store is not None:
            self._store.close()

    def run(self) -> None:
        """Look at everything that can be looked at."""
        payload = self._payload()
        settings = read_settings(payload, os.environ)
        self.owner = str(settings["owner"].value or "")
        try:
            directory = directory_of(payload, settings)
        except HodeiError as error:
            self._chart.findings += findings_of("document", error)
            directory = None
        configs = self._configs(payload)
        if directory is None:
            return
        path = directory / "state.db"
        self._store = SqliteState(path, read_only=True)
        ephemeral = bool(payload.backend.get("allow_ephemeral"))
        self._chart.note("rights", machine.directory(directory, "the state directory", allow_ephemeral=ephemeral))
        lineage = str(settings["lineage"].value or "")
        remembered = self._state(
            directory, lineage, partial(session.how_to_rebuild, payload, self.owner, directory, settings)
        )
        document = self._document(payload, directory, lineage or (remembered.lineage if remembered else ""))
        self._make_providers(payload, configs, directory, settings)
        if document is not None and remembered is not None:
            self._chart.note("stores", self._open_stores(payload, document, remembered, directory))
        self._look_at_providers()
        self._objects(document, remembered, directory, configs)
        self._chart.note("disk", machine.disk(directory))
        store = self._store
        self._chart.note("clock", machine.clock(state.stamps(remembered, store, path), time.time()))

    def _payload(self) -> Payload:
        """Read what the controller gathered; what it could not gather is a finding, and so is a broken backend."""
        params = dict(self._params)
        gathered = opened(params)
        self._broken = bool(gathered.get("broken"))
        for one in gathered.get("broken", ()):
            self._chart.findings.append(problem("document", one["message"], one["cure"]))
        try:
            return read_payload(params)
        except HodeiError as error:
            self._chart.findings += findings_of("document", error)
        gathered["backend"] = None
        for one in gathered.get("documents", ()):
            one["content"].pop("backend", None)
        return read_payload({**params, "backend": None, "_payload": json.dumps(gathered), "_sealed": None})

    def _configs(self, payload: Payload) -> dict[str, dict[str, Any]]:
        """Read the providers by themselves: a document with another problem must not hide them. Its own are told by the document."""
        return read_providers(payload.providers, config_schemas())[0]

    def _state(self, directory: Path, lineage: str, how_to_rebuild: Callable[[], str]) -> State | None:
        store, path = self._store, directory / "state.db"
        if store is None:
            return None
        exists = path.exists() and path.stat().st_size > 0
        self._chart.note("state", state.key(directory, exists))
        if not exists:
            if (directory / "fleet.key").exists():
                self._chart.note("state", state.missing(directory, lineage, "" if lineage else how_to_rebuild()))
            return None
        self._chart.note("state", state.integrity(path))
        read: list[State] = []
        self._chart.note("state", self._content(store, lineage, read))
        self._chart.note("lease", state.lease(store, time.time()))
        return read[0] if read else None

    def _content(self, store: SqliteState, lineage: str, read: list[State]) -> Any:
        found = store.read()
        read.append(found)
        yield from state.content(found, self.owner, lineage, time.time())

    def _document(self, payload: Payload, directory: Path, lineage: str) -> Document | None:
        """Check the document, with a key of nobody where the fleet has none."""
        try:
            secret = load_key(directory).secret
        except HodeiError:
            secret = b""
        try:
            document = parse_payload(payload, self.owner, lineage or NO_LINEAGE, secret)
        except HodeiError as error:
            self._chart.findings += findings_of("document", error)
            return None
        if self._broken:
            return None
        self._chart.findings.append(ok("document", f"it is valid: {counted([one.address for one in document.wanted])}"))
        return document if secret else None

    def _make_providers(
        self,
        payload: Payload,
        configs: Mapping[str, Mapping[str, Any]],
        directory: Path,
        settings: Mapping[str, Setting],
    ) -> None:
        for name, config in configs.items():
            self._chart.note(f"provider {name}", self._made(payload, name, config, directory, settings))

    def _made(
        self,
        payload: Payload,
        name: str,
        config: Mapping[str, Any],
        directory: Path,
        settings: Mapping[str, Setting],
    ) -> Iterator[Finding]:
        home = directory / "providers" / name
        credentials = self._credentials = self._credentials or session.open_credentials(payload, self.owner, directory)
        self._providers[name] = session.make_provider(name, config, self.owner, home, settings, credentials)
        yield from ()

    def _open_stores(
        self, payload: Payload, document: Document, remembered: State, directory: Path
    ) -> Iterator[Finding]:
        """Open the stores where a converge would."""
        if self._store and (document.secrets or any(instance.mounts for instance in document.instances)):
            asking = Asking(**payload.asking)
            run_secrets = RunSecrets(document, directory, self._store, asking, self._warn, converging=False)
            self._stores = run_secrets.open(remembered.resources, read_only=True)
        yield from ()

    def _warn(self, text: str) -> None:
        self._chart.findings.append(warning("stores", text))

    def _asked(self) -> dict[str, ObjectProvider]:
        return {**self._providers, **self._stores}

    def _look_at_providers(self) -> None:
        """Ask them, and the stores, at the same time: one that hangs costs its own timeout, not everybody's."""
        from concurrent.futures import ThreadPoolExecutor

        asked = self._asked()
        if asked:
            with ThreadPoolExecutor(max_workers=len(asked), thread_name_prefix="doctor") as pool:
                for found in pool.map(world.provider, asked, asked.values()):
                    self._chart.findings += found

    def _objects(
        self, document: Document | None, remembered: State | None, directory: Path, configs: Mapping[str, Any]
    ) -> None:
        if document is not None and remembered is not None and document.lineage == remembered.lineage and self._store:
            self._chart.note("objects", self._planned(document, remembered, self._store, directory))
        self._chart.note("objects", world.forgotten(directory, configs))

    def _planned(self, document: Document, remembered: State, store: SqliteState, directory: Path) -> Any:
        request = Request(document, Options(prune=True), load_key(directory).id)
        report = preview(request, Ports(store, self._providers, self._stores), Tools(new_id=str), remembered)
        yield from world.objects(report.plan)
