# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress between two processes: numbers in a file, words on a line, and no harm whatever happens to either."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible import progress
from ansible_collections.hodei.workers.plugins.module_utils.ansible.progress import Counts, ProgressFile, line, read
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind

CHANGE: Any = None
ERROR = HodeiError(Kind.TIMEOUT, "with a secret")


def test_what_is_told_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    assert read(path) is None
    told = ProgressFile(path)
    told.planned(4)
    told.began(CHANGE)
    told.began(CHANGE)
    assert read(path) == Counts(4, 2, 0, 0)
    told.waiting(2)
    assert read(path) == Counts(4, 2, 0, 0, 2)
    told.waiting(0)
    told.ended(CHANGE, None, 0.1)
    told.ended(CHANGE, ERROR, 0.1)
    assert read(path) == Counts(4, 0, 1, 1)
    assert b"secret" not in Path(path).read_bytes()
    assert Path(path).stat().st_size == 56
    assert Path(path).stat().st_mode & 0o777 == 0o600


def test_a_step_that_could_not_begin(tmp_path: Path) -> None:
    """So ends one whose worker never got idle."""
    path = str(tmp_path / "file")
    told = ProgressFile(path)
    told.planned(2)
    told.ended(CHANGE, ERROR, 0.0)
    told.began(CHANGE)
    assert read(path) == Counts(2, 1, 0, 1)


def test_nothing_that_goes_wrong_reaches_the_converge(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "file", tmp_path, Path("/dev/full")):
        told = ProgressFile(str(path))
        told.planned(1)
        told.began(CHANGE)
        told.ended(CHANGE, None, 0.0)
        told.close()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    ProgressFile(str(link)).planned(1)
    assert not (tmp_path / "elsewhere").exists()
    torn = tmp_path / "torn"
    torn.write_bytes(b"half")
    assert read(str(torn)) is None


@pytest.mark.parametrize(
    ("counts", "elapsed", "words"),
    [
        (Counts(10, 0, 0, 0), 0.0, "0/10 done"),
        (Counts(10, 2, 5, 0), 10.0, "5/10 done, 2 running, ETA 10 s"),
        (Counts(10, 0, 4, 1), 600.0, "4/10 done, 1 failed, ETA 10 min"),
        (Counts(10, 2, 3, 0, 4), 30.0, "3/10 done, 2 running, 4 waiting (drain), ETA 70 s + drain"),
        (Counts(10, 2, 5, 0), 0.1, "5/10 done, 2 running, ETA 1 s"),
        (Counts(10, 0, 0, 0, 1), 0.0, "0/10 done, 1 waiting (drain)"),
        (Counts(10, 0, 10, 0), 9.0, "10/10 done"),
        (Counts(came=5 << 20, coming=(40 << 20) + 1), 0.0, "5 of 41 MiB pulled"),
        (Counts(10, 0, 10, 0, came=5, coming=5), 9.0, "10/10 done"),
    ],
)
def test_words(counts: Counts, elapsed: float, words: str) -> None:
    assert line(counts, elapsed) == f"hodei.workers: {words}"


def test_what_comes_before_the_first_step(tmp_path: Path) -> None:
    told = ProgressFile(str(tmp_path / "file"))
    told.preparing(1, 2)
    assert read(str(tmp_path / "file")) == Counts(came=1, coming=2)
    told.preparing(2, 2)
    told.planned(3)
    assert read(str(tmp_path / "file")) == Counts(3, came=2, coming=2)
    told.close()


def test_several_hosts_are_added_up() -> None:
    assert line(Counts(2, 1) + Counts(3, 1, 2), 1.0, 2).startswith("hodei.workers on 2 hosts: 2/5 done, 2 running")


def test_nobody_watches_unless_asked() -> None:
    assert progress.file_of("task", "host") == ""
    progress.watch("/place")
    try:
        first, second = progress.file_of("task", "host"), progress.file_of("task", "../other")
    finally:
        progress.watch("")
    assert first != second
    assert Path(second).parent == Path("/place")


def test_telling_costs_next_to_nothing(tmp_path: Path) -> None:
    """A converge of 1,000 workers takes seconds; telling of it may take a hundredth of that, on a machine ten times slower too."""
    told = ProgressFile(str(tmp_path / "file"))
    told.planned(1000)
    started = time.process_time()
    for _unused in range(1000):
        told.began(CHANGE)
        told.ended(CHANGE, None, 0.0)
    assert time.process_time() - started < 0.4
