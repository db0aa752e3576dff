# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider template: following a log, where each step of the worker falls between two looks of the follower."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[3] / "examples" / "provider-template" / "src"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the template that reads logs."""
    monkeypatch.syspath_prepend(str(SOURCE))
    return importlib.import_module("hodei_provider_spool.client")


def append(path: Path, text: str) -> Callable[[], None]:
    """Return the step that writes more to a log."""

    def step() -> None:
        with path.open("a") as log:
            log.write(text)

    return step


def test_follow_waits_for_the_log_of_the_next_generation(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new object is there before its log is, and the old one still writes while the new one begins."""
    spool = client.Spool(tmp_path)
    spool.write("loud.1", {})
    (tmp_path / "loud.1" / "log").write_text("old\n")
    steps: Iterator[Callable[[], None]] = iter(
        [
            lambda: spool.write("loud.2", {}),
            append(tmp_path / "loud.1" / "log", "last\n"),
            lambda: spool.remove("loud.1"),
            append(tmp_path / "loud.2" / "log", "new\n"),
        ]
    )
    monkeypatch.setattr(client.time, "sleep", lambda _seconds: next(steps, lambda: None)())
    assert spool.follow("loud.1", 0, 30.0, len("old\nlast\nnew\n")) == b"old\nlast\nnew\n"


def test_nothing_is_lost_between_the_tail_and_what_follows(client: Any, tmp_path: Path) -> None:
    """What is written after the last lines were read is the first that is followed."""
    log = tmp_path / "loud.1" / "log"
    spool = client.Spool(tmp_path)
    spool.write("loud.1", {})
    log.write_text("first\n")
    text, truncated, end = client.tail(log, 100)
    append(log, "second\n")()
    assert (text, truncated) == (b"first\n", False)
    assert spool.follow("loud.1", end, 30.0, len("second\n")) == b"second\n"
