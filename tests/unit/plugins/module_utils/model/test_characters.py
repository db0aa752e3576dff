# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every password that is allowed has one number, and every number a password: proved by writing all of them down."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.model.characters import Class, count, nth

SMALL = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 2)), min_size=1, max_size=3).map(
    lambda sizes: [Class("abcdef"[2 * index : 2 * index + size], least) for index, (size, least) in enumerate(sizes)]
)


def allowed(classes: list[Class], length: int) -> set[str]:
    letters = "".join(one.characters for one in classes)
    texts = map("".join, itertools.product(letters, repeat=length))
    return {text for text in texts if all(sum(c in one.characters for c in text) >= one.least for one in classes)}


@settings(max_examples=60, deadline=None)
@given(SMALL, st.integers(0, 4))
def test_the_numbers_below_the_count_are_exactly_the_allowed_passwords(classes: list[Class], length: int) -> None:
    texts = [nth(classes, length, number) for number in range(count(classes, length))]
    assert len(set(texts)) == len(texts)
    assert set(texts) == allowed(classes, length)


def by_number(classes: list[Class], length: int, chance: random.Random) -> str:
    return nth(classes, length, chance.randrange(count(classes, length)))


def wanted_first(classes: list[Class], length: int, chance: random.Random) -> str:
    """What others do: put in what is asked for, fill up, shuffle."""
    letters = "".join(one.characters for one in classes)
    found = [chance.choice(one.characters) for one in classes for _unused in range(one.least)]
    found += [chance.choice(letters) for _unused in range(length - len(found))]
    chance.shuffle(found)
    return "".join(found)


def chi_square(make: Callable[[list[Class], int, random.Random], str]) -> float:
    """How far 12,000 passwords are from equally many of each, in units of what chance does (1 is what is to be expected)."""
    classes, chance = [Class("a", 2), Class("bcde", 0)], random.Random(6)
    texts = allowed(classes, 4)
    seen = Counter(make(classes, 4, chance) for _unused in range(12_000))
    each = 12_000 / len(texts)
    return sum((seen[text] - each) ** 2 / each for text in texts) / (len(texts) - 1)


def test_each_password_comes_as_often_as_any_other() -> None:
    # The source of chance has a fixed seed, so the number is always the same.
    assert 0.5 < chi_square(by_number) < 1.5


def test_the_usual_way_would_be_noticed() -> None:
    assert chi_square(wanted_first) > 20


@pytest.mark.parametrize("length", [32, 256])
def test_the_first_and_the_last_password_of_a_large_space(length: int) -> None:
    classes = [Class("abc", 0), Class("DE", length // 4), Class("-", 1)]
    number = count(classes, length)
    for text in (nth(classes, length, 0), nth(classes, length, number - 1)):
        assert len(text) == length
        assert sum(one in "DE" for one in text) >= length // 4
        assert "-" in text
    assert 3 ** (length // 2) < number < 6**length
