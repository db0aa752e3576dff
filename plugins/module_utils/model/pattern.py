# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular expressions whose matching takes a time that grows with the text and no faster.

Python's `re` goes back and tries again, which for patterns such as `(a+)+b` takes longer than anyone waits; it has no limit of time
either. Here a pattern is a set of positions, each with a test of one character and the positions that may follow (Glushkov, The
Abstract Theory of Automata, 1961); a text is read once. `re` only says whether one character is of a class.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

MOST_POSITIONS = 500
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[0-9]*,?[0-9]*\}|\(\?:|.", re.DOTALL)
_REPEAT = re.compile(r"\{([0-9]*)(,?)([0-9]*)\}")
_TOO_LARGE = f"it is too large: written out without counts it has more than {MOST_POSITIONS} characters"
_REPEATS = {"?": (0, 1), "*": (0, None), "+": (1, None)}


class PatternError(ValueError):
    """What is wrong with a pattern; the text is for people."""


class _Part(NamedTuple):
    """A piece of a pattern: whether it matches nothing, and its first and last positions, as bits."""

    empty: bool
    first: int
    last: int


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Callable[[str], bool]:
    """Return the test whether a whole text matches. Raises PatternError."""
    reader = _Reader(pattern)
    whole = reader.alternatives()
    if reader.at < len(reader.tokens):
        raise PatternError("a ) is one too many")
    tests, follow = reader.tests, reader.follow

    def matches(text: str) -> bool:
        # What is remembered says something of the text, so it lives no longer than the call.
        wanted: dict[str, int] = {}
        after: dict[int, int] = {0: 0}
        may, here = whole.first, 0
        for char in text:
            if char not in wanted:
                wanted[char] = sum(1 << index for index, test in enumerate(tests) if test(char))
            here = may & wanted[char]
            if here not in after:
                after[here] = _following(here, follow)
            may = after[here]
        return bool(here & whole.last) if text else whole.empty

    return matches


def _following(here: int, follow: list[int]) -> int:
    found = 0
    while here:
        lowest = here & -here
        found |= follow[lowest.bit_length() - 1]
        here ^= lowest
    return found


class _Reader:
    """Reads a pattern from left to right; ``tests`` and ``follow`` grow by one for each position."""

    def __init__(self, pattern: str) -> None:
        tokens: list[str] = _TOKEN.findall(pattern)
        self.tokens = tokens[tokens[:1] == ["^"] : len(tokens) - (tokens[-1:] == ["$"])]
        self.at = self.reads = 0
        self.tests: list[Callable[[str], object]] = []
        self.follow: list[int] = []

    def alternatives(self) -> _Part:
        found = self.sequence()
        while self.peek() == "|":
            self.at += 1
            other = self.sequence()
            found = _Part(found.empty or other.empty, found.first | other.first, found.last | other.last)
        return found

    def sequence(self) -> _Part:
        found = _Part(True, 0, 0)
        while self.peek() not in ("", "|", ")"):
            found = self.joined(found, self.repeated())
        return found

    def repeated(self) -> _Part:
        """Read one character or group, as often as its repeat says: each time makes positions of its own."""
        start, found = self.at, self.single()
        after, token = self.at, self.peek()
        if token not in _REPEATS and not token.startswith("{"):
            return found
        least, most = _REPEATS.get(token) or _bounds(token)
        for number in range(1, max(least, most or 1)):
            self.at = start
            again = self.single()
            found = self.joined(found, again if number < least else again._replace(empty=True))
        if most is None:
            self.link(found.last, found.first if least <= 1 else again.first)
        self.at = after + 1
        if self.peek() in _REPEATS or self.peek().startswith("{"):
            raise PatternError(f"{token}{self.peek()} is a repeat of a repeat; put the first one into a group")
        if most == 0:
            return _Part(True, 0, 0)
        return found._replace(empty=True) if least == 0 else found

    def single(self) -> _Part:
        token = self.peek()
        self.at += 1
        self.reads += 1
        if self.reads > 4 * MOST_POSITIONS:
            raise PatternError(_TOO_LARGE)
        if token in ("(", "(?:"):
            if self.peek() == "?":
                raise PatternError("groups that look around, name or change anything are not known; ( ) and (?: ) are")
            found = self.alternatives()
            if self.peek() != ")":
                raise PatternError("a ) is missing")
            self.at += 1
            return found
        if token in _REPEATS or token.startswith("{"):
            raise PatternError(
                f"there is nothing that {token} could repeat; for the character itself write \\{token[:1]}"
            )
        if token in ("^", "$") or re.fullmatch(r"\\[0-9ABbZGzkpPX]", token):
            raise PatternError(f"{token} is not known here: the whole value has to match anyway")
        return self.position(token)

    def position(self, token: str) -> _Part:
        if len(self.tests) == MOST_POSITIONS:
            raise PatternError(_TOO_LARGE)
        try:
            self.tests.append(re.compile(token).fullmatch)
        except re.error as error:
            raise PatternError(f"{token} is no character or class: {error.msg}") from None
        self.follow.append(0)
        bit = 1 << len(self.tests) - 1
        return _Part(False, bit, bit)

    def joined(self, one: _Part, other: _Part) -> _Part:
        self.link(one.last, other.first)
        first = one.first | (other.first if one.empty else 0)
        last = other.last | (one.last if other.empty else 0)
        return _Part(one.empty and other.empty, first, last)

    def link(self, last: int, first: int) -> None:
        for index in range(last.bit_length()):
            if last >> index & 1:
                self.follow[index] |= first

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""


def _bounds(token: str) -> tuple[int, int | None]:
    match = _REPEAT.fullmatch(token)
    if match is None or not (match[1] or match[3]):
        raise PatternError(f"{token} says no number; for the character itself write \\{{")
    least = int(match[1] or 0)
    most = (int(match[3]) if match[3] else None) if match[2] else least
    if max(least, most or 0) > MOST_POSITIONS:
        raise PatternError(_TOO_LARGE)
    if most is not None and most < least:
        raise PatternError(f"{token} asks for more than it allows")
    return least, most
