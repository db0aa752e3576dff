# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords: one random number below the count of all that the spec allows, and the password that has this number."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from ..model.characters import classes_of, count, nth
from ..model.secret_value import SecretValue


def generate(spec: Mapping[str, Any], _now: float) -> SecretValue:
    """Return a password."""
    classes = tuple(classes_of(spec).values())
    length = spec["length"]
    return SecretValue.of_text(nth(classes, length, secrets.randbelow(count(classes, length))))
