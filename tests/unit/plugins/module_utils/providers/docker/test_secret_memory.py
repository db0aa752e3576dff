# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories for secrets that nobody else may enter, and that change in one step."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker import secret_memory
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.packing import Item
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.secret_memory import Memory

ME = (os.getuid(), os.getgid())


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Memory:
    """Below a directory that counts as memory."""
    monkeypatch.setattr(secret_memory, "PLACES", (str(tmp_path),))
    monkeypatch.setattr(secret_memory, "is_in_memory", lambda _path: True)
    return Memory("me", "ABCD")


def give(memory: Memory, source: Path, *names: str) -> str:
    """Deliver files that hold their own names."""
    return memory.write(
        str(source), [Item(name, 0o400, ME, name.encode()) for name in names], {one: f"..data/{one}" for one in names}
    )


def test_nobody_else_may_enter(memory: Memory, tmp_path: Path) -> None:
    """Not above what a container sees; that one is open to whoever the container's user is."""
    source = Path(memory.new())
    assert source.parent == tmp_path / "hodei-secrets" / "ABCD" / "me"
    assert [one.stat().st_mode & 0o777 for one in (tmp_path / "hodei-secrets", source)] == [0o700, 0o755]
    memory.remove(str(source))
    assert list(tmp_path.iterdir()) == []


def test_a_container_only_reads_what_it_was_given(memory: Memory) -> None:
    """Root within it, too: it could plant links that we would follow."""
    assert memory.mount("/somewhere")["ReadOnly"] is True


def test_what_is_on_a_disk_is_no_memory(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_memory, "is_in_memory", lambda _path: False)
    assert Memory("me", "ABCD").place == ""


@pytest.mark.skipif(ME[0] != 0, reason="only root can give a file away")
def test_a_file_is_its_owners_and_is_never_open_before(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode and owner are as asked when it is there; while it is written it is ours alone, whatever the umask."""
    born: list[int] = []
    chown = os.chown

    def noted(path: str, uid: int, gid: int) -> None:
        born.append(os.stat(path).st_mode & 0o777)
        chown(path, uid, gid)

    monkeypatch.setattr(os, "chown", noted)
    source, umask = memory.new(), os.umask(0)
    try:
        items = [Item("v", 0o550, (1234, 1235), None), Item("v/key", 0o440, (1234, 1235), b"k")]
        memory.write(source, items, {"v": "..data/v"})
    finally:
        os.umask(umask)
    assert born == [0o700, 0o600]
    for name, mode in (("v", 0o550), ("v/key", 0o440)):
        found = Path(source, name).stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (1234, 1235, mode)


def test_a_delivery_that_fails_leaves_nothing(memory: Memory) -> None:
    """Half of it would lie there until the container goes."""
    source = Path(memory.new())
    give(memory, source, "a")
    before = sorted(source.iterdir())
    with pytest.raises(HodeiError, match="cannot be kept in"):
        memory.write(str(source), [Item("b", 0o400, ME, b"b"), Item("no/such/place", 0o400, ME, b"")], {})
    assert sorted(source.iterdir()) == before
    assert (source / "a").read_text() == "a"


@pytest.mark.skipif(ME[0] != 0, reason="only root can give a directory away")
def test_what_somebody_else_has_made_is_not_used(memory: Memory, tmp_path: Path) -> None:
    (tmp_path / "hodei-secrets").mkdir(mode=0o700)
    os.chown(tmp_path / "hodei-secrets", 65534, -1)
    with pytest.raises(HodeiError, match="not a directory of this user alone"):
        memory.new()


@pytest.mark.parametrize("how", ["open", "link", "file"])
def test_what_somebody_else_may_have_made_is_not_used(memory: Memory, tmp_path: Path, how: str) -> None:
    base = tmp_path / "hodei-secrets"
    if how == "open":
        base.mkdir()
        base.chmod(0o755)
    elif how == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        base.symlink_to("theirs")
    else:
        base.touch(mode=0o600)
    with pytest.raises(HodeiError, match="not a directory of this user alone"):
        memory.new()


def test_what_was_before_stays_until_it_is_dropped(memory: Memory) -> None:
    """And what counts is never dropped."""
    source = Path(memory.new())
    assert give(memory, source, "a", "b") == ""
    before = give(memory, source, "a")
    assert {one.name for one in source.iterdir() if not one.name.startswith("..")} == {"a"}
    assert (source / before / "b").read_text() == "b"
    memory.drop(str(source), os.readlink(source / "..data"))
    memory.drop(str(source), before)
    assert (source / "..data" / "a").read_text() == "a"
    assert not (source / before).exists()
    give(memory, source, "c")
    memory.drop_old(str(source))
    assert len([one for one in source.iterdir() if one.name.startswith("..new")]) == 1
    memory.empty(str(source))
    assert list(source.iterdir()) == []
    assert not memory.is_there(str(source))
