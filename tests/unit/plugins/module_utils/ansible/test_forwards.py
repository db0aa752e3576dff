# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of forwards, with several readers at the same time."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.forwards import FOLDER, Place, forwards
from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """The place of a forward whose process was killed; its number has been given to this process since."""
    made = Place(tmp_path / FOLDER, Address("worker", "w", None), "echo", "127.0.0.1")
    made._path.parent.mkdir()
    about = {"address": "worker.w", "port": "echo", "bind": "127.0.0.1", "local_port": 1, "pid": os.getpid()}
    made._path.write_text(json.dumps(about))
    os.utime(made._path, (time.time() + 600,) * 2)
    return made


@pytest.fixture
def reader(place: Place) -> Iterator[None]:
    """Another run that looks at it at the same moment."""
    with place._path.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@pytest.mark.usefixtures("reader")
def test_two_who_look_do_not_take_each_other_for_a_forward(tmp_path: Path, place: Place) -> None:
    """It has ended, whoever looks at it."""
    assert place.look() is None
    assert forwards(tmp_path) == []


def test_to_look_leaves_room_for_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks while another looks sees what that one sees."""
    seen: list[object] = []
    flock = fcntl.flock

    def lock(fd: int, how: int) -> None:
        flock(fd, how)
        if not seen:
            seen.append(...)
            seen.append(place.look())

    monkeypatch.setattr(fcntl, "flock", lock)
    assert place.look() is None
    assert seen == [..., None]


def test_to_close_what_another_looks_at_ends_no_process(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number in the file of a forward that was killed may be anybody's."""
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _unused: killed.append(pid))
    file = place._path.open()
    fcntl.flock(file, fcntl.LOCK_SH)
    monkeypatch.setattr(time, "sleep", lambda _unused: file.close())
    place.close()
    assert killed == []
    assert not place._path.exists()
