# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of keys for SSH."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from ..model.secret_value import SecretValue
from .keys import new_key


def generate(spec: Mapping[str, Any], _now: float) -> SecretValue:
    """Return the fields private_key (OpenSSH's own format), public_key (a line of authorized_keys) and fingerprint."""
    key = new_key(spec["key"])
    from cryptography.hazmat.primitives import serialization as form

    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    line = f"{public} {spec['comment']}" if spec["comment"] else public
    return SecretValue.of_fields(
        {"private_key": private.decode(), "public_key": line, "fingerprint": fingerprint(public)}
    )


def fingerprint(line: str) -> str:
    """Return the fingerprint of a public key as ssh-keygen shows it."""
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
