# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wiring: from a module's parameters to a document, a state, a key and providers. The only place that sees all sides."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..durable.place import problem_of_place
from ..engine.state.holder import this_process
from ..engine.state.keys import FleetKey, load_key, stores_directory
from ..engine.state.sqlite import SqliteState
from ..model.address import SECRET
from ..model.configs import read_providers, read_stores
from ..model.errors import HodeiError, InvalidDocument, Kind
from ..model.ports import Inheriting, Provider
from ..model.records import State
from ..model.settings import Setting
from ..model.state_store import StateStore
from ..model.worker import Document
from ..providers.registry import ConfigSchemas, provider_type
from ..stores.registry import store_schemas
from .access import Asking
from .audit_chain import LateAudit
from .credentials import Credentials
from .owning import Origin, find_origin, names_before, not_moved_yet
from .payload import NO_LINEAGE, Payload, locate, parse_payload
from .run_secrets import RunSecrets

if TYPE_CHECKING:
    from ..stores.objects import SecretObjects

#: States for which it is enough to name what is meant.
_NAMES_SUFFICE = ("absent", "destroyed", "restored")


@dataclass
class Session:
    """Everything that one task works with; ``state`` is the snapshot that it was opened with. ``origin`` is the owner that the fleet
    still has; ``moved_from`` is what the plan tells of that, also after the move.
    """

    document: Document
    directory: Path
    key: FleetKey
    store: StateStore
    state: State
    providers: Mapping[str, Provider]
    secrets: Mapping[str, SecretObjects]
    settings: Mapping[str, Setting]
    credentials: Credentials
    holder: str
    actor: str
    progress: str = ""
    origin: Origin | None = None
    moved_from: str = ""
    warnings: list[str] = field(default_factory=list)
    clock: Callable[[], float] = time.time
    writing: bool = False
    run_secrets: RunSecrets | None = None
    asking: Mapping[str, Any] = field(default_factory=dict)

    def conclude(self) -> None:
        """Leave behind what later runs hold secrets against, see ``run_secrets``; in a session that may write. Raises HodeiError."""
        if self.run_secrets is not None and self.writing:
            self.run_secrets.conclude()


@contextmanager
def open_session(
    params: Mapping[str, Any],
    *,
    write: bool,
    only_named: bool = False,
    all_stores: bool = False,
    converging: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Session]:
    """Open what a task needs and close it again.

    ``write`` false opens state read-only and creates nothing. ``only_named`` configures no provider that the named workers neither
    use nor used, ``all_stores`` all stores, whatever the document names. ``converging``: the whole document is. A fleet that still
    has its former owner can be looked at only. Raises InvalidDocument with every problem of the document, NotMovedYetError,
    HodeiError(configuration) when the owner was never initialised.
    """
    environ = os.environ if environ is None else environ
    payload, settings, directory = locate(params, environ)
    if only_named and params.get("state") in _NAMES_SUFFICE:
        payload = replace(payload, deleting=True)
    owner = settings["owner"].value
    payload = replace(payload, lineage=settings["lineage"].value)
    names = names_before(payload.moved, owner)
    origin = origin_of(payload, settings, directory)
    if origin is not None:
        directory = origin.directory
    key = _key(directory, payload, owner)
    if write:
        if origin is not None:
            raise not_moved_yet(origin, owner)
        refuse_place(directory, payload.backend)
    store = SqliteState(directory / "state.db", read_only=not write)
    providers: dict[str, Provider] = {}
    secrets: dict[str, SecretObjects] = {}
    credentials: Credentials | None = None
    try:
        warnings: list[str] = []
        if not store.exists() and not payload.lineage:
            raise HodeiError(
                Kind.CONFIGURATION,
                f"owner '{owner}' has a key here but no state, and the document has no lineage to rebuild it by",
                hint=how_to_rebuild(payload, owner, directory, settings),
            )
        state = _state(store, owner, payload.lineage, write, warnings)
        if origin is None and state.owner in names:
            origin = Origin(state.owner, directory, directory)
            if write:
                raise not_moved_yet(origin, owner)
        if origin is not None:
            state = replace(state, owner=owner)
        document = parse_payload(payload, owner, payload.lineage or state.lineage, key.secret)
        run_secrets = RunSecrets(
            document, directory, store, Asking(**payload.asking), warnings.append, converging=converging
        )
        credentials = run_secrets.credentials
        for name in _needed(document, state, only_named and not payload.deleting):
            home, config = directory / "providers" / name, document.providers[name]
            providers[name] = make_provider(name, config, owner, home, settings, credentials)
            if origin is not None and _awaits(name, providers[name], origin):
                providers[name] = make_provider(name, config, origin.name, home, settings, credentials)
        mounts = any(instance.mounts for instance in document.instances)
        if all_stores or document.secrets or mounts or (not only_named and _has_secrets(state, directory, origin)):
            from .shared_login import lender

            secrets |= run_secrets.open(
                state.resources,
                read_only=not write,
                destroying=params.get("state") == "destroyed",
                formerly=origin.name if origin else "",
                lender=lender(payload.broker, owner, directory),
            )
        session = Session(
            document=document,
            directory=directory,
            key=key,
            store=store,
            state=state,
            providers=providers,
            secrets=secrets,
            settings=settings,
            credentials=credentials,
            holder=str(this_process()),
            actor=environ.get("SUDO_USER") or environ.get("USER") or str(os.getuid()),
            progress=payload.progress,
            origin=origin,
            moved_from=origin.name if origin else "",
            warnings=warnings,
            writing=write,
            run_secrets=run_secrets,
            asking=payload.asking,
        )
        with _concluded(session):
            yield session
    finally:
        for provider in providers.values():
            provider.close()
        for objects in secrets.values():
            objects.close()
        if credentials is not None:
            credentials.close()
        store.close()


@contextmanager
def _concluded(session: Session) -> Iterator[None]:
    """Leave behind what later runs need of one that failed, too; its own error is the one to tell."""
    try:
        yield
    except BaseException:
        with suppress(HodeiError):
            session.conclude()
        raise


def origin_of(payload: Payload, settings: Mapping[str, Setting], directory: Path) -> Origin | None:
    """Return the owner that a fleet still has here; None where it has the document's. Raises HodeiError when both are there."""
    owner = settings["owner"].value
    return find_origin(
        names_before(payload.moved, owner),
        owner,
        payload.lineage,
        directory,
        state_dir=settings["state_dir"].value,
        own_place=bool(payload.backend.get("path")),
    )


def _awaits(name: str, provider: Provider, origin: Origin) -> bool:
    """Tell whether a provider's objects still belong to the former owner. Raises HodeiError when it cannot hand them over."""
    if not isinstance(provider, Inheriting):
        raise HodeiError(
            Kind.COMPATIBILITY,
            f"provider '{name}' cannot hand its workers over from owner '{origin.name}'",
            hint="Converge under the new owner and destroy the old one, or let that one forget its workers and import them.",
        )
    return provider.awaits(origin.name)


def refuse_place(directory: Path, backend: Mapping[str, Any]) -> None:
    """Raise InvalidDocument when state would lie where it vanishes or cannot be locked, unless that is allowed."""
    problem = None if backend.get("allow_ephemeral") else problem_of_place(directory)
    if problem is not None:
        raise InvalidDocument([problem])


def make_provider(
    name: str,
    config: Mapping[str, Any],
    owner: str,
    home: Path,
    settings: Mapping[str, Setting],
    credentials: Credentials,
) -> Provider:
    """Make a configured provider; one that is not on this machine is guarded by retry, breaker and rate limits."""
    from ..resilience.guard import guarded

    kind = provider_type(str(config["type"]))
    inner = kind.make(name, credentials.provider(name, config, kind.config_schema), owner, home)
    return guarded(
        inner,
        config,
        local=kind.local(inner) if callable(kind.local) else kind.local,
        default_timeout=settings["default_timeout"].value,
        default_rates=settings["rate_limits"].value,
        name=name,
    )


def open_credentials(payload: Payload, owner: str, directory: Path) -> Credentials:
    """Return where providers get their credentials from that are looked at without the rest of a document. Raises InvalidDocument."""
    configs, problems = read_stores(payload.stores, store_schemas())
    if problems:
        raise InvalidDocument(problems)
    auditor, asking = LateAudit(directory, owner), Asking(**payload.asking)
    return Credentials(configs, stores_directory(directory), auditor, asking)


def how_to_rebuild(payload: Payload, owner: str, directory: Path, settings: Mapping[str, Setting]) -> str:
    """Say which lineage a fleet without state lacks: its objects carry it. What cannot be seen is left out."""
    carried: Counter[str] = Counter()
    for name, config in read_providers(payload.providers, ConfigSchemas())[0].items():
        home = directory / "providers" / name
        with (
            suppress(HodeiError),
            closing(open_credentials(payload, owner, directory)) as credentials,
            closing(make_provider(name, config, owner, home, settings, credentials)) as one,
        ):
            carried.update(seen.lineage for seen in one.list().observations)
    if not carried:
        return "Put hodei_lineage into the document (none of its objects is to be seen here), or restore a backup."
    shown = ", or ".join(
        f"{lineage}, which {count} of its objects here carry" for lineage, count in carried.most_common(3)
    )
    return f"Put hodei_lineage into the document: {shown}."


def _key(directory: Path, payload: Payload, owner: str) -> FleetKey:
    """Load the key; where the owner was never initialised, a document with problems is told those first."""
    try:
        return load_key(directory)
    except HodeiError:
        parse_payload(payload, owner, payload.lineage or NO_LINEAGE, b"")
        raise


def _state(store: StateStore, owner: str, lineage: Any, write: bool, warnings: list[str]) -> State:
    """Read the state, or begin a new one for a fleet whose state was lost: the world tells the rest."""
    if store.exists():
        return store.read()
    warnings.append(
        f"the state of '{owner}' is not there: it is rebuilt from what the providers show of lineage {lineage}"
    )
    if write:
        store.initialise(owner, str(lineage).lower(), time.time())
        return store.read()
    return State(owner=owner, lineage=str(lineage).lower(), serial=0)


def _has_secrets(state: State, directory: Path, origin: Origin | None) -> bool:
    """Tell whether there may be secrets that the document does not name; those of a former owner also where state is lost."""
    if origin is not None and stores_directory(directory).is_dir():
        return True
    return any(one.address.kind == SECRET for one in state.resources)


def _needed(document: Document, state: State, only_named: bool) -> list[str]:
    if not only_named:
        return list(document.providers)
    names = {instance.address.name for instance in document.instances}
    used = {instance.provider for instance in document.instances}
    used |= {resource.provider for resource in state.resources if resource.address.name in names}
    return [name for name in document.providers if name in used]
