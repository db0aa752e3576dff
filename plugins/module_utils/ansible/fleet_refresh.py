# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that makes state follow the world: fleet_refresh."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..engine.converge import Ports, Tools
from ..engine.interrupt import Stop
from ..engine.refresh import Refresh, refresh
from . import signals
from .arguments import lease_settings
from .converging import new_id
from .session import open_session


def run_refresh(module: AnsibleModule) -> dict[str, Any]:
    """Look at the world and write what is seen into state; the workers themselves are left alone."""
    params = module.params
    with open_session(params, write=not module.check_mode) as session:
        stop = Stop()
        if not module.check_mode:
            signals.watch(stop)
        request = Refresh(
            document=session.document,
            key_id=session.key.id,
            holder=session.holder,
            actor=session.actor,
            adopt_lineages=tuple(params["adopt_lineages"]),
            targets=tuple(params["targets"]),
            excludes=tuple(params["excludes"]),
            check=module.check_mode,
            **lease_settings(params),
        )
        ports = Ports(store=session.store, providers=session.providers)
        found = refresh(request, ports, Tools(new_id=new_id, stop=stop, on_wait=module.warn), session.state)
        for text in session.warnings:
            module.warn(text)
        return {
            "changed": bool(found.adopted or found.forgotten or found.updated),
            "adopted": [str(address) for address in found.adopted],
            "forgotten": [str(address) for address in found.forgotten],
            "updated": [str(address) for address in found.updated],
            "foreign": list(found.foreign),
            "unseen": dict(found.unseen),
        }
