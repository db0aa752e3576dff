# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A provider that raises what its port does not allow."""

from __future__ import annotations

from ..model.errors import HodeiError, Kind
from ..model.mounts import called


def provider_fault(provider: str, call: str, error: Exception) -> HodeiError:
    """Return the error to tell. The text of the original may hold anything, secrets included, so only its type is told."""
    return HodeiError(
        Kind.INTERNAL,
        f"{called(provider)} failed with {type(error).__name__} in {call}",
        hint="This is a bug of the provider; please report it with its version.",
    )
