# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keyed digests: how things are compared and remembered without saying what they are.

Everything is keyed with the owner's key (HMAC-SHA-256), so that a digest in a label or a state file can't be used to try out
guesses; each purpose has its own prefix, so that a digest of one can't stand in for another's.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Mapping
from typing import Any

from .mounts import recorded_mounts
from .normal import HIDDEN_PREFIX
from .placeholders import names_secrets, references
from .worker import Spec

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)

DIGEST_LENGTH = 32
HIDDEN_LENGTH = 12


def canonical(value: Any) -> str:
    """Write a value as JSON in the one way: sorted keys, no spaces, ASCII."""
    return _ENCODER.encode(value)


def keyed(key: bytes, purpose: str, text: str) -> str:
    """Return the digest of a text for one purpose: 32 hexadecimal digits."""
    return hmac.digest(key, f"{purpose}\0{text}".encode(), "sha256").hex()[:DIGEST_LENGTH]


def spec_digest(key: bytes, spec: Spec) -> str:
    """Return the digest of a spec in normal form."""
    return keyed(key, "spec", canonical(spec))


def recorded(key: bytes, spec: Spec, visible: Collection[str]) -> Spec:
    """Return the spec as state, plans and labels may hold it.

    `env` values that are not visible and what files hold are replaced by a keyed digest; files are a mapping by path, so that
    they can be told apart field by field, and so are mounted secrets.
    """
    env: Mapping[str, str] = spec.get("env", {})
    files = spec.get("files")
    if not env and not files and "secrets" not in spec:
        return spec
    found = dict(spec)
    if env:
        found["env"] = {
            name: value if name in visible else _hidden(key, "env", f"{name}={value}") for name, value in env.items()
        }
    if "secrets" in spec:
        found["secrets"] = recorded_mounts(spec["secrets"])
    if files:
        found["files"] = {file["path"]: _recorded_file(key, file) for file in files}
    return found


def _recorded_file(key: bytes, file: Mapping[str, str]) -> dict[str, Any]:
    text = file["content"] if "content" in file else f"base64:{file.get('content_base64', '')}"
    rest = {name: value for name, value in file.items() if name in ("mode", "owner")}
    named = sorted({one["secret"] for one in references(text)}) if names_secrets(text) else []
    return {"content": _hidden(key, "file", f"{file['path']}={text}"), **rest, **({"secrets": named} if named else {})}


def _hidden(key: bytes, purpose: str, text: str) -> str:
    return HIDDEN_PREFIX + keyed(key, purpose, text)[:HIDDEN_LENGTH]
