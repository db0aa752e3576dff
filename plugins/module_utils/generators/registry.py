# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generators by type: from a spec in normal form to a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..model.generated import complete
from ..model.secret_value import SecretValue
from . import api_key, password, ssh_key, tls, token, uuid

GENERATORS: dict[str, Callable[[Mapping[str, Any], float], SecretValue]] = {
    "api_key": api_key.generate,
    "password": password.generate,
    "ssh_key": ssh_key.generate,
    "tls": tls.generate,
    "token": token.generate,
    "uuid": uuid.generate,
}


def generate(spec: Mapping[str, Any], now: float) -> SecretValue:
    """Return a new value. ``spec`` is in normal form and has no problems (model/secret_rules.py); ``now`` is in Unix seconds.

    Raises HodeiError(configuration) when a library is missing.
    """
    return GENERATORS[spec["type"]](complete(spec), now)
