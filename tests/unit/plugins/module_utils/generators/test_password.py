# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords come from one draw of the operating system's chance; which one each number gives is proved in model/test_characters.py."""

from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.generators import password
from ansible_collections.hodei.workers.plugins.module_utils.model.characters import classes_of, count
from ansible_collections.hodei.workers.plugins.module_utils.model.generated import complete
from ansible_collections.hodei.workers.tests.support.generated_values import made


@pytest.mark.parametrize("place", [0, -1])
def test_every_password_can_be_drawn(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def randbelow(bound: int) -> int:
        drawn.append(bound)
        return place % bound

    monkeypatch.setattr(password.secrets, "randbelow", randbelow)
    text = made("password").text()
    assert drawn == [count(tuple(classes_of(complete({"type": "password"})).values()), 32)]
    assert len(text) == 32
    assert set(text) == (set("0A+a") if place == 0 else set("9Z~z"))
