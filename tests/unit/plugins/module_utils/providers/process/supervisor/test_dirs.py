# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories: made with their modes, given away by descriptor, never through a link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.dirs import (
    ensure,
    make_owned,
    make_path,
    open_directories,
    open_owner,
    passable,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.removal import remove_tree
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.wire import RefusedError


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    """An open directory."""
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_the_owners_directories(tmp_path: Path) -> None:
    """What lies beside the workers is closed to others, whatever the umask."""
    before = os.umask(0)
    try:
        path = str(tmp_path / "process")
        open_directories(path, open_owner(path))
    finally:
        os.umask(before)
    modes = {item.name: item.stat().st_mode & 0o777 for item in (tmp_path / "process").iterdir()}
    assert modes == {"records": 0o700, "logs": 0o700, "workers": passable()}


def test_a_place_that_others_may_write_is_refused(tmp_path: Path) -> None:
    """Somebody could have prepared it."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(RefusedError, match="others"):
        open_owner(str(tmp_path / "open"))


def test_a_place_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Even for root."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    with pytest.raises(RefusedError, match="12345"):
        open_owner(str(tmp_path / "theirs"))


def test_links_are_not_opened(tmp_path: Path, directory: int) -> None:
    """Neither as a directory of ours nor on the way to one."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for call in (
        lambda: ensure("link", 0o700, directory),
        lambda: make_owned("link", directory, os.geteuid(), os.getegid()),
        lambda: make_path("link/below", directory, os.geteuid(), os.getegid()),
    ):
        with pytest.raises(OSError, match="link"):
            call()
    assert list((tmp_path / "real").iterdir()) == []


def test_paths_are_made_part_by_part(tmp_path: Path, directory: int) -> None:
    """With the mode that was asked for."""
    os.close(make_path("a/b/c", directory, os.geteuid(), os.getegid(), 0o750))
    assert (tmp_path / "a" / "b" / "c").stat().st_mode & 0o777 == 0o750


def test_removing_trees(tmp_path: Path, directory: int) -> None:
    """Directories with all that is in them, links themselves, and nothing at all."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "precious")
    (tmp_path / "planted").symlink_to(tmp_path / "precious")
    for name in ("tree", "planted", "missing"):
        remove_tree(name, directory)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["precious"]
    assert (tmp_path / "precious" / "file").exists()
