# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a `generate` in normal form means, and how a changed one is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .digest import canonical
from .normal import Convert, compile_filler
from .schema_secret import GENERATE


def complete(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the defaults into a spec in normal form."""
    found: dict[str, Any] = _filler()(spec)
    return found


def digest_of(spec: Mapping[str, Any]) -> str:
    """Return what `regenerate: on_change` remembers of a spec in normal form: 64 hexadecimal digits.

    The normal form leaves out what equals its default, so neither the order of what is written nor a default that a later version
    adds or changes makes another digest, and no update of the collection generates anything anew. It is not keyed: a spec is no
    secret, and with another key every secret would be generated anew.
    """
    return hashlib.sha256(f"generate\0{canonical(spec)}".encode()).hexdigest()


@lru_cache(maxsize=1)
def _filler() -> Convert:
    return compile_filler(GENERATE)
