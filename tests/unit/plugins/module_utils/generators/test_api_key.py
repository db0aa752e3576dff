# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checksum tells a mistyped key; it is what the documentation says it is."""

from __future__ import annotations

from ansible_collections.hodei.workers.plugins.module_utils.generators.api_key import ALPHABET, checksum
from ansible_collections.hodei.workers.tests.support.generated_values import made


def test_the_last_six_characters_are_the_checksum_of_the_others() -> None:
    key = made({"type": "api_key", "prefix": "ci_live_", "length": 30, "checksum": True}).text()
    assert len(key) == 44
    assert key[-6:] == checksum(key[:-6])
    mistyped = ("b" if key[10] == "a" else "a").join((key[:10], key[11:]))
    assert mistyped[-6:] != checksum(mistyped[:-6])


def test_the_checksum_is_a_known_one() -> None:
    # CRC-32 of "123456789" is cbf43926, the check value of every catalogue of CRCs.
    value = 0
    for digit in checksum("123456789"):
        value = value * 62 + ALPHABET.index(digit)
    assert value == 0xCBF43926
    assert checksum("") == "000000"
