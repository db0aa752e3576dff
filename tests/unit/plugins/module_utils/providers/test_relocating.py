# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory gets another name: by one step or two, again after a death in the middle, and never over something that is there."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.providers import relocating
from ansible_collections.hodei.workers.plugins.module_utils.providers.relocating import (
    drop,
    former,
    is_place,
    relocate,
    successor,
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").write_text("kept")
    return tmp_path / "old"


def moved(old: Path, new: Path) -> None:
    assert successor(str(old)) == new.name
    assert is_place(str(new))
    assert not is_place(str(old))
    assert (old / "file").read_text() == (new / "file").read_text() == "kept"


@pytest.mark.parametrize("at_once", [True, False])
def test_it_moves_and_the_old_path_leads_there(old: Path, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not at_once:
        monkeypatch.setattr(relocating, "_exchange", lambda old, new: False)
    new = old.with_name("new")
    relocate(str(old), str(new))
    moved(old, new)
    relocate(str(old), str(new))
    moved(old, new)


def test_it_goes_on_where_a_run_was_killed(old: Path) -> None:
    """With the link drawn up, and with the directory moved and no link yet."""
    new = old.with_name("new")
    new.symlink_to("new/.")
    assert not is_place(str(new))
    relocate(str(old), str(new))
    moved(old, new)
    old.unlink()
    relocate(str(old), str(new))
    moved(old, new)


def test_nothing_to_move(tmp_path: Path) -> None:
    relocate(str(tmp_path / "old"), str(tmp_path / "new"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_touched(old: Path) -> None:
    new = old.with_name("new")
    new.mkdir()
    with pytest.raises(HodeiError, match="there is something already"):
        relocate(str(old), str(new))
    assert (old / "file").exists()


def test_what_the_file_system_refuses_leaves_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.EXDEV)
    monkeypatch.setattr(relocating, "_EXCHANGE", 1 << 20)
    with pytest.raises(HodeiError, match="Both have to lie on one file system"):
        relocate(str(old), str(old.with_name("new")))
    assert sorted(os.listdir(old.parent)) == ["old"]


def test_links_of_users_are_none_of_ours(old: Path) -> None:
    """One that a user made is a place like any other, and is moved as such."""
    link, new = old.with_name("link"), old.with_name("new")
    link.symlink_to("old")
    assert (successor(str(link)), is_place(str(link))) == ("", True)
    relocate(str(link), str(new))
    assert os.readlink(new) == "old"
    assert former(str(old)) == []


def test_former_names_are_found_through_chains(old: Path) -> None:
    b, c = old.with_name("b"), old.with_name("c")
    relocate(str(old), str(b))
    relocate(str(b), str(c))
    assert (old / "file").exists()
    assert [Path(one).name for one in former(str(c))] == ["b", "old"]
    drop(former(str(c)))
    assert os.listdir(c.parent) == ["c"]
    assert former(str(c.parent / "missing" / "x")) == []
