# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many addresses in few words."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..model.address import SECRET, Address


def several(addresses: Sequence[Address]) -> str:
    """Name one or many: `worker.a`, `worker.web[0-2,7] (4)`, `worker.a, worker.b and 7 more`."""
    by_name: dict[str, list[Address]] = {}
    for address in addresses:
        by_name.setdefault(address.name, []).append(address)
    names = [_instances(group) for group in by_name.values()]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def counted(addresses: Collection[Address]) -> str:
    """Say how many there are of each kind: `3 workers and 1 secret`."""
    secrets = sum(one.kind == SECRET for one in addresses)
    parts = ((len(addresses) - secrets, "worker"), (secrets, "secret"))
    return " and ".join(f"{count} {noun}{'s' * (count > 1)}" for count, noun in parts if count) or "0 workers"


def _instances(addresses: Sequence[Address]) -> str:
    first = addresses[0]
    keys = sorted({address.key for address in addresses if address.key is not None})
    if len(keys) < 2:
        return str(first)
    runs: list[list[int]] = []
    for key in keys:
        if runs and key == runs[-1][-1] + 1:
            runs[-1].append(key)
        else:
            runs.append([key])
    written = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    shown = ",".join(written[:8]) + (",..." if len(written) > 8 else "")
    return f"{first.kind}.{first.name}[{shown}] ({len(keys)})"
