# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module fleet_volumes: which named volumes workers had made, and removing those that nobody uses."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..model.ports import Provider, Storing, Volume
from ..model.worker import Spec
from .pruning import Goods
from .session import Session, open_session


def run_volumes(module: AnsibleModule) -> dict[str, Any]:
    """List or remove volumes."""
    params = module.params
    _VOLUMES.need_patterns(params)
    with open_session(params, write=False) as session:
        for text in session.warnings:
            module.warn(text)
        specs = _specs(session)
        found = {name: one.volumes(specs) for name, one in session.providers.items() if isinstance(one, Storing)}
        if params["state"] == "absent":
            return _VOLUMES.prune(session, params, found, check=module.check_mode)
        return {"changed": False, "volumes": _VOLUMES.shown(session, found)}


def _specs(session: Session) -> list[Spec]:
    """Return all that may want a volume: whatever its provider, since two may share an Engine; with ``count: 0``, which is for a
    while; and what only the state knows, because this task does not see the whole document.
    """
    document, state = session.document, session.state
    return [
        *(one.spec for one in document.instances),
        *document.resting,
        *(one.spec for one in state.resources),
    ]


def _remove(provider: Provider, volume: Volume) -> None:
    if isinstance(provider, Storing):
        provider.remove_volume(volume)


_VOLUMES = Goods(
    plural="volumes",
    example="ci-cache-*",
    key=lambda one: one.name,
    names=lambda one: (one.name,),
    about=lambda one: {"name": one.name},
    remove=_remove,
)
