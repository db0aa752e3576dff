# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Engine tells is kept until it is asked for, whoever asks at the same time; and an end of the telling is seen."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.docker import records
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.changes import Changes
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for


class Engine:
    """Tells what it is given, until it is given nothing."""

    def __init__(self) -> None:
        self.given: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def now(self) -> float:
        return 0.0

    def stream(self, path: str, **query: Any) -> Any:
        return self

    def lines(self) -> Iterator[bytes]:
        yield from iter(self.given.get, b"")

    def cut(self) -> None:
        self.given.put(b"")

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_unused: object) -> None:
        pass


def test_what_is_noted_while_somebody_takes_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other thread's turn comes in the middle of a note."""
    engine: Any = Engine()
    with Changes(engine, "me") as changes:
        short = records.short

        def interrupted(container: str) -> str:
            assert changes.take(0.0) == set()
            return short(container)

        monkeypatch.setattr(records, "short", interrupted)
        changes.note("c" * 64)
        assert changes.take(0.0) == {"c" * 12}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("line", [b'{"Type": "container"}\n', b"what\n"])
def test_who_cannot_read_on_is_cut(line: bytes) -> None:
    """So that whoever listens begins anew, and does not wait for what never comes."""
    engine: Any = Engine()
    with Changes(engine, "me") as changes:
        engine.given.put(line)
        wait_for(lambda: changes.cut, "the end to be seen")
