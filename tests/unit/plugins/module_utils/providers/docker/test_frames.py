# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of two outputs on one connection, however they are cut on the way."""

from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.frames import Frames


def frame(stream: int, text: bytes) -> bytes:
    """Write one as the Engine does."""
    return bytes((stream, 0, 0, 0)) + len(text).to_bytes(4, "big") + text


SENT = frame(1, b"out") + frame(2, b"wrong") + frame(1, b"") + frame(1, b"more" * 1000)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 100, len(SENT)])
def test_parts(size: int) -> None:
    """What belongs to each stream, in order."""
    frames, found = Frames(), {1: b"", 2: b""}
    for begin in range(0, len(SENT), size):
        for stream, text in frames.parts(SENT[begin : begin + size]):
            found[stream] += text
    assert found == {1: b"out" + b"more" * 1000, 2: b"wrong"}


@pytest.mark.parametrize("size", [1, 7, 8, 9, 100, len(SENT)])
def test_whole(size: int) -> None:
    """A frame comes once, when it is there to its end; an empty one says nothing."""
    frames, found = Frames(), []
    for begin in range(0, len(SENT), size):
        found += [one for one in frames.whole(SENT[begin : begin + size]) if one]
    assert found == [b"out", b"wrong", b"more" * 1000]
