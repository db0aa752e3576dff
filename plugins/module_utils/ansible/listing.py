# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side: a fleet as the hosts of an inventory. One bulk list for each provider, and state for what they do not show."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..engine.current import Holding, holdings
from ..engine.survey import survey
from ..model.address import Address
from ..model.mounts import called
from ..model.states import WorkerState
from .payload import locate
from .session import open_session

#: Providers whose workers run on this machine, with the Python that runs Ansible; in others Ansible has to look for one.
_HERE = ("process",)


@dataclass(frozen=True)
class Listed:
    """A fleet: variables that all hosts share, variables of each provider's hosts, and the hosts by name. All of it plain data."""

    owner: str = ""
    shared: Mapping[str, Any] = field(default_factory=dict)
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return a form for a cache; ``Listed(**form)`` reads it."""
        return asdict(self)


def list_fleet(payload: str, environ: Mapping[str, str]) -> Listed:
    """Look at a fleet. Raises HodeiError; a fleet that was never initialised has no hosts."""
    params = {"_payload": payload}
    read, settings, directory = locate(params, environ)
    owner = settings["owner"].value
    if not directory.exists():
        return Listed(owner, warnings=(f"there is no fleet of owner '{owner}' in {directory} yet, so it has no hosts",))
    with open_session(params, write=False, environ=environ) as session:
        document = session.document
        seen = survey(session.providers, document.lineage)
        unseen = [f"{called(name)} could not be seen: {why}" for name, why in seen.world.unseen.items()]
        held = {
            address: found
            for address, one in holdings(session.state, seen.world).items()
            if (found := host_variables(address, one, seen.world.provider_of, seen.world.unseen)) is not None
        }
        kinds = {name: config["type"] for name, config in document.providers.items()}
        return Listed(
            owner=owner,
            shared={
                "ansible_connection": "hodei.workers.worker",
                "hodei_owner": owner,
                "hodei_lineage": document.lineage,
                "hodei_backend": _backend(read.backend, session.directory),
                "hodei_providers": read.providers,
                **({"hodei_stores": read.stores} if read.stores else {}),
            },
            providers={
                name: {"ansible_python_interpreter": sys.executable if kind in _HERE else "auto_silent"}
                for name, kind in kinds.items()
            },
            hosts={name: held[address] for address, name in host_names(held).items()},
            warnings=(*session.warnings, *unseen),
        )


def host_names(addresses: Iterable[Address]) -> dict[Address, str]:
    """Name each worker as a host: ``web``, ``web-0``; ``web.0`` where another worker is called ``web-0``."""
    known = list(addresses)
    plain = {address.name for address in known if address.key is None}
    return {
        address: address.slug if address.key is None or address.slug not in plain else f"{address.name}.{address.key}"
        for address in sorted(known)
    }


def _backend(backend: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    return {**backend, "path": str(directory)}


def host_variables(
    address: Address,
    held: Holding,
    provider_of: Mapping[tuple[Address, int], str],
    unseen: Mapping[str, str],
) -> dict[str, Any] | None:
    """Return a worker's variables; None for one that state remembers and that is gone."""
    one, resource = held.seen or held.unfinished, held.resource
    labels = dict(resource.spec.get("labels", {})) if resource else {}
    common = {
        "hodei_address": str(address),
        "hodei_name": address.name,
        "hodei_index": address.key,
        "hodei_labels": labels,
    }
    if one is not None:
        return common | {
            "hodei_provider": provider_of[one.address, one.generation],
            "hodei_state": one.state.value,
            "hodei_generation": one.generation,
            "hodei_native_id": one.external_id,
            "hodei_ports": dict(one.ports),
        }
    if resource is None or resource.provider not in unseen:
        return None
    return common | {
        "hodei_provider": resource.provider,
        "hodei_state": WorkerState.UNKNOWN.value,
        "hodei_generation": resource.generation,
        "hodei_native_id": resource.external_id,
        "hodei_ports": {},
    }


def is_running(host: Mapping[str, Any]) -> bool:
    """Tell whether something of a host runs now."""
    return WorkerState(host["hodei_state"]).alive
