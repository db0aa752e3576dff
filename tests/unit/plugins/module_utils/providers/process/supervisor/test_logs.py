# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeping of logs: index, rotation, last words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.logs import (
    INDEX_ENTRY,
    Keeper,
    open_log,
    redact,
    tail,
)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    """An open directory."""
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def write(directory: int, text: bytes) -> None:
    """Append as a worker does."""
    fd = open_log("w", directory)
    os.write(fd, text)
    os.close(fd)


def test_an_entry_for_each_second_in_which_it_grew(directory: int, tmp_path: Path) -> None:
    """And none for the others."""
    keeper = Keeper(directory)
    keeper.tick("w", 10.0, 1000, 3)
    write(directory, b"12345")
    for now in (11.2, 12.2, 13.2):
        keeper.tick("w", now, 1000, 3)
    write(directory, b"678")
    keeper.tick("w", 14.0, 1000, 3)
    assert list(INDEX_ENTRY.iter_unpack((tmp_path / "w.idx").read_bytes())) == [(11, 5), (14, 8)]


def test_rotation_keeps_so_many_files(directory: int, tmp_path: Path) -> None:
    """The present one included; the worker's descriptor stays good."""
    keeper = Keeper(directory)
    fd = open_log("w", directory)
    for number in range(5):
        os.write(fd, f"part {number} ".encode() * 3)
        keeper.tick("w", float(number), 10, 3)
    assert (tmp_path / "w.log").read_bytes() == b""
    assert (tmp_path / "w.log.1").read_bytes() == b"part 4 " * 3
    assert (tmp_path / "w.log.2").read_bytes() == b"part 3 " * 3
    assert not (tmp_path / "w.log.3").exists()
    assert (tmp_path / "w.idx.1").exists()
    os.write(fd, b"after")
    assert (tmp_path / "w.log").read_bytes() == b"after"
    os.close(fd)
    keeper.forget("w")
    assert list(tmp_path.iterdir()) == []


def test_a_single_file_is_emptied(directory: int, tmp_path: Path) -> None:
    """Nothing is kept beside it."""
    keeper = Keeper(directory)
    write(directory, b"x" * 20)
    keeper.tick("w", 1.0, 10, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.log"]
    assert (tmp_path / "w.log").read_bytes() == b""


def test_last_words(directory: int) -> None:
    """The last lines, and nothing where there is no log."""
    assert tail("w", directory) == ""
    write(directory, b"\n".join(b"line %d" % number for number in range(9)) + b"\n\xff\n")
    assert tail("w", directory, lines=2) == "line 8\n\ufffd"


def test_secrets_are_blanked_out() -> None:
    """The longest first; what is too short to be one stays."""
    assert redact("pass hunter22 and hunter, port 80", ["hunter", "hunter22", "80"]) == "pass *** and ***, port 80"
