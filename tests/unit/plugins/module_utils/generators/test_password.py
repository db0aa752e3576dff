# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords come from one draw of the operating system's chance; which one each number gives is proved in model/test_characters.py."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.generators import password
from ansible_collections.hodei.workers.plugins.module_utils.model.characters import classes_of, count
from ansible_collections.hodei.workers.plugins.module_utils.model.generated import complete
from ansible_collections.hodei.workers.plugins.module_utils.model.place import Place
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_rules import generate_problems
from ansible_collections.hodei.workers.tests.support.generated_values import made, normal

SPECS = st.fixed_dictionaries(
    {
        "type": st.just("password"),
        "length": st.integers(14, 64),
        "classes": st.dictionaries(
            st.sampled_from(["lower", "upper", "digits", "symbols"]), st.integers(0, 6), min_size=2
        ),
    },
    optional={
        "symbols": st.text(string.punctuation, min_size=1),
        "exclude": st.text(string.printable[:94], max_size=20),
    },
)


@settings(max_examples=100, deadline=None)
@given(SPECS)
def test_a_password_is_what_its_spec_says(spec: dict[str, Any]) -> None:
    assume(not generate_problems(normal(spec), Place("")))
    text, classes = made(spec).text(), classes_of(complete(normal(spec)))
    assert len(text) == spec["length"]
    assert not set(text) & set(spec.get("exclude", ""))
    for name, one in classes.items():
        assert sum(char in one.characters for char in text) >= spec["classes"][name]
    assert set(text) <= set("".join(one.characters for one in classes.values()))


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
    assert set(text) == (set("0A+a") if place == 0 else set("9Z_z"))
