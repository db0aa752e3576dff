# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seccomp profiles: an Engine takes what the file holds, not its path, so it is read where this runs."""

from __future__ import annotations

import json

from ...model.errors import HodeiError, Kind
from ...model.worker import Spec

UNCONFINED = "unconfined"


def seccomp_profile(spec: Spec) -> str:
    """Return what the file of a profile holds, empty when there is none. Raises HodeiError(configuration)."""
    path = spec.get("security", {}).get("seccomp")
    if not path or path == UNCONFINED:
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            return json.dumps(json.load(file), separators=(",", ":"))
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else f"it is no JSON: {error}"
        raise HodeiError(
            Kind.CONFIGURATION,
            f"the seccomp profile {path} cannot be read: {what}",
            hint="Give the path of a profile in JSON on this machine, or `unconfined`.",
        ) from error
