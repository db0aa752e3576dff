# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an owner's files are: for modules, and for the broker of secrets, which loads little."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..engine.state.keys import owner_directory
from ..model.errors import HodeiError, InvalidDocument, Kind, Problem
from ..providers.relocating import successor


def owners_place(owner: Any, backend: Mapping[str, Any], state_dir: Any) -> Path:
    """Return the directory of an owner, without touching it.

    Raises InvalidDocument where none is named, HodeiError(conflict) for one that got another name.
    """
    if not owner:
        hint = "set hodei_owner: whose fleet this is, such as ci-prod"
        raise InvalidDocument([Problem("owner", "the owner is missing", hint)])
    if backend.get("path"):
        return Path(os.path.abspath(os.path.expanduser(backend["path"])))
    directory = owner_directory(owner, state_dir)
    if name := successor(str(directory)):
        raise HodeiError(
            Kind.CONFLICT,
            f"owner '{directory.name}' was moved to '{name}'",
            hint=f"Set hodei_owner: {name}. The name '{directory.name}' is free again as soon as no process lives that was started "
            "under it and the fleet has converged since.",
        )
    return directory
