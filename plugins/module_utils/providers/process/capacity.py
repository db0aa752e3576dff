# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CPU and memory of this machine, and how much of them is used."""

from __future__ import annotations

import sys
from typing import Any

from ...model.errors import HodeiError, Kind
from ...model.ports import Capacity


def capacity(workers: int) -> Capacity:
    """Count, for so many workers that live. Raises HodeiError(configuration) when psutil is missing."""
    psutil = import_psutil()
    memory = psutil.virtual_memory()
    cores = psutil.cpu_count() or 1
    return Capacity(
        cpu_total=cores * 1000,
        cpu_used=int(min(psutil.getloadavg()[0], cores) * 1000),
        memory_total=memory.total,
        memory_used=memory.total - memory.available,
        workers=workers,
    )


def import_psutil() -> Any:
    """Import psutil. Raises HodeiError(configuration) that tells how to get it for the interpreter that runs this."""
    try:
        import psutil
    except ImportError as error:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"the Python library psutil is missing for {sys.executable}",
            hint=f"Run: {sys.executable} -m pip install psutil. Or install the system's package python3-psutil, where pip refuses "
            "because the system manages that Python. If another interpreter has it, set ansible_python_interpreter to that one.",
        ) from error
    return psutil
