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

CHECKSUM_DIGITS = 6


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


def fields_of(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields that the values of a spec in normal form have; none for those that are text."""
    if spec["type"] == "ssh_key":
        return "private_key", "public_key", "fingerprint"
    if spec["type"] != "tls":
        return ()
    if complete(spec)["output"] == "csr":
        return "private_key", "csr"
    return "private_key", "certificate", "fingerprint", "not_after"


def length_of(spec: Mapping[str, Any]) -> int | None:
    """Return how many characters all values of a spec in normal form have; None where that differs."""
    full = complete(spec)
    if full["type"] == "uuid":
        return 36
    if full["type"] == "password":
        return int(full["length"])
    if full["type"] == "api_key":
        return len(full["prefix"]) + int(full["length"]) + (CHECKSUM_DIGITS if full["checksum"] else 0)
    if full["type"] == "token":
        size = int(full["bytes"])
        return {"hex": 2 * size, "base64": -(-size // 3) * 4, "base64url": -(-size * 4 // 3)}[full["encoding"]]
    return None


def lifetime_of(spec: Mapping[str, Any]) -> float | None:
    """Return how many seconds a value of a spec in normal form is good for; None where it says nothing of that itself."""
    full = complete(spec)
    return full["days"] * 86_400.0 if full["type"] == "tls" and full["output"] == "certificate" else None


@lru_cache(maxsize=1)
def _filler() -> Convert:
    return compile_filler(GENERATE)
