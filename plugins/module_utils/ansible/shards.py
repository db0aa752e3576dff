# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fleet, one state: refuse two hosts of a play that are the same machine under the same owner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..model.errors import HodeiError, Kind


def refuse_shared(owner: Any, variables: Mapping[str, Any], template: Callable[[Any], Any]) -> None:
    """Raise HodeiError(conflict) when another host of the play converges the same owner on this same machine.

    Each host is its own shard with its own state; two names for one machine would prune each other's workers. ``owner`` is None
    where the variable does not say it, and neither does the other host's: both take the environment's then.
    """
    hosts = variables.get("ansible_play_hosts_all") or ()
    here = variables.get("inventory_hostname")
    if len(hosts) < 2 or not _is_local(variables):
        return
    hostvars = variables.get("hostvars") or {}
    for host in hosts:
        theirs = hostvars[host]
        if host != here and _is_local(theirs) and template(theirs.get("hodei_owner")) == owner:
            raise HodeiError(
                Kind.CONFLICT,
                f"hosts '{here}' and '{host}' are this same machine and have the same owner"
                + (f" '{owner}'" if owner else ""),
                hint="Run the play on one of them (hosts: localhost), or give each its own hodei_owner.",
            )


def _is_local(variables: Mapping[str, Any]) -> bool:
    return variables.get("ansible_connection") == "local"
