# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""API keys: a prefix that says what they are, random letters and digits, and a checksum if one is wanted.

The checksum is that of GitHub's tokens (https://github.blog/engineering/behind-githubs-new-authentication-token-formats/) but for
what it is taken of: CRC-32 of everything before it, written to the base 62 in six digits.
"""

from __future__ import annotations

import secrets
import string
import zlib
from collections.abc import Mapping
from typing import Any

from ..model.generated import CHECKSUM_DIGITS
from ..model.secret_value import SecretValue

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def generate(spec: Mapping[str, Any], _now: float) -> SecretValue:
    """Return an API key."""
    key = spec["prefix"] + "".join(secrets.choice(ALPHABET) for _unused in range(spec["length"]))
    return SecretValue.of_text(key + checksum(key) if spec["checksum"] else key)


def checksum(text: str) -> str:
    """Return the six digits that belong behind a text."""
    left, digits = zlib.crc32(text.encode()), ""
    for _unused in range(CHECKSUM_DIGITS):
        left, digit = divmod(left, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
