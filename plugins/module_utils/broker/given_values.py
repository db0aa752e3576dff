# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that were handed out, to recognise them in a task's arguments: by a keyed digest, and within longer texts by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..model.secret_value import SecretValue

MOST_MARKS = 100_000
MOST_WITHIN = 10_000
#: Values of other lengths (bytes) are recognised as a whole only: too many words are the same as a shorter one.
SHORTEST_WITHIN, LONGEST_WITHIN = 6, 4096


class Given:
    """Remembers values; when there are too many, the oldest go first."""

    def __init__(self, mark: Callable[[bytes], str]) -> None:
        self._mark = mark
        self._marks: dict[str, None] = {}
        self._within: dict[str, SecretValue] = {}

    def add(self, value: SecretValue) -> None:
        """Remember a value."""
        data = value.reveal()
        mark = self._mark(data)
        self._marks[mark] = None
        if SHORTEST_WITHIN <= len(data) <= LONGEST_WITHIN:
            self._within[mark] = value
        for kept, most in ((self._marks, MOST_MARKS), (self._within, MOST_WITHIN)):
            if len(kept) > most:
                kept.pop(next(iter(kept)), None)

    def known(self, marks: Sequence[str], texts: Sequence[str]) -> list[bool]:
        """Tell which texts are values that were given, by their digests, or hold one."""
        encoded = [text.encode(errors="surrogatepass") for text in texts]
        everything = b"\0".join(encoded)  # one search for each value: nearly always there is none
        found = [data for value in list(self._within.values()) if (data := value.reveal()) in everything]
        return [
            mark in self._marks or any(data in text for data in found)
            for mark, text in zip(marks, encoded, strict=True)
        ]

    def forget(self) -> None:
        """Forget all values."""
        self._within.clear()
