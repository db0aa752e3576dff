# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""UUIDs of version 4: 122 random bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from ..model.secret_value import SecretValue


def generate(_spec: Mapping[str, Any], _now: float) -> SecretValue:
    """Return a UUID."""
    return SecretValue.of_text(str(uuid4()))
