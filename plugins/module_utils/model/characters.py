# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which passwords a spec allows, and how many these are: what makes one without bias, and what says how much it is worth.

All strings of a length that have at least so many characters of each class, in an order of their own: the number of the last one is
their count, and any number below it stands for one of them. So one random number makes a password, each as likely as any other. To
put the wanted characters in first and to fill up the rest is what others do; that makes some passwords more likely than others.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import comb
from typing import Any, NamedTuple

LETTERS_AND_DIGITS = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digits": string.digits,
}


class Class(NamedTuple):
    """Characters of which there are at least so many; no two classes of a password share one."""

    characters: str
    least: int


def classes_of(spec: Mapping[str, Any]) -> dict[str, Class]:
    """Return the classes of a password's spec (with its defaults), without the characters that it excludes."""
    excluded = set(spec["exclude"])
    alphabets = {**LETTERS_AND_DIGITS, "symbols": spec["symbols"]}
    return {
        name: Class("".join(one for one in alphabets[name] if one not in excluded), spec["classes"][name])
        for name in sorted(spec["classes"])
    }


def count(classes: Sequence[Class], length: int) -> int:
    """Return how many passwords there are."""
    return _counts(_sizes(classes), length)[-1][length]


def nth(classes: Sequence[Class], length: int, number: int) -> str:
    """Return the password that has this number, from 0 to count() - 1."""
    counts = _counts(_sizes(classes), length)
    free, found = list(range(length)), [""] * length
    for before, (characters, least) in zip(reversed(counts[:-1]), reversed(classes), strict=True):
        size, places = len(characters), len(free)
        for many in range(least, places + 1):
            block = comb(places, many) * size**many * before[places - many]
            if number < block:
                break
            number -= block
        number, which = divmod(number, comb(places, many))
        taken, free = _split(free, many, which)
        for place in taken:
            number, digit = divmod(number, size)
            found[place] = characters[digit]
    return "".join(found)


def _split(places: Sequence[int], many: int, which: int) -> tuple[list[int], list[int]]:
    """Return the places of the choice that has this number among all choices of so many places, and the other places."""
    taken, left = [], []
    for index, place in enumerate(places):
        with_it = comb(len(places) - index - 1, many - 1) if many else 0
        if which < with_it:
            taken.append(place)
            many -= 1
        else:
            left.append(place)
            which -= with_it
    return taken, left


def _sizes(classes: Sequence[Class]) -> tuple[tuple[int, int], ...]:
    return tuple((len(one.characters), one.least) for one in classes)


@lru_cache(maxsize=32)
def _counts(sizes: tuple[tuple[int, int], ...], length: int) -> list[list[int]]:
    """Return how many strings of each length, up to this one, the first 0, 1, 2... classes make."""
    counts = [[1] + [0] * length]
    for size, least in sizes:
        before = counts[-1]
        powers = [size**many for many in range(length + 1)]
        counts.append(
            [
                sum(comb(total, many) * powers[many] * before[total - many] for many in range(least, total + 1))
                for total in range(length + 1)
            ]
        )
    return counts
