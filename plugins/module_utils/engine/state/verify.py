# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true of every state, whatever happened before."""

from __future__ import annotations

from collections import Counter

from ...model.records import State


def verify(state: State) -> list[str]:
    """Return what is wrong with a state as sentences; empty when it is sound (invariant 18)."""
    objects = Counter((item.address, item.generation) for item in state.resources)
    current = Counter(item.address for item in state.resources if not item.deposed)
    operations = Counter(item.op_id for item in state.pending)
    problems = [f"{address} generation {number} is recorded twice" for (address, number), n in objects.items() if n > 1]
    problems += [f"{address} has {count} current objects" for address, count in current.items() if count > 1]
    problems += [f"operation {op_id} is pending twice" for op_id, count in operations.items() if count > 1]
    problems += [f"operation {item.op_id} is pending, yet ended" for item in state.pending if item.ended_at is not None]
    problems += [f"{item.address} has generation {item.generation}" for item in state.resources if item.generation < 0]
    problems += [f"{item.address} depends on itself" for item in state.resources if item.address in item.dependencies]
    if not state.owner or not state.lineage:
        problems.append("the state has no owner or no lineage")
    if state.serial < 0:
        problems.append(f"the serial is {state.serial}")
    return problems
