# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of workers on this machine, without workers: where they lie, when they count, and how they go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor import memory
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.exchange import Exchange
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.record import Record
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.removal import remove_tree
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.request_secrets import (
    Given,
    read_given,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.secret_mounts import Mounts
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.wire import RefusedError

US = (os.geteuid(), os.getegid())


def record(token: str = "t0k3n") -> Record:
    fixed: dict[str, Any] = dict.fromkeys(
        ("provider", "owner", "lineage", "digest", "key_id", "operation", "intent"), "x"
    )
    fixed |= {"protected": False, "spec": {"user": "", "env": {}}, "boot": "", "created_at": 0.0}
    return Record(id="w.1", name="w", key=None, generation=1, token=token, **fixed)


def given(way: str, place: str, value: bytes = b"v", version: str = "1", **values: bytes) -> Given:
    return Given(f"{way}.{place}", way, place, 0o500 if way == "volume" else 0o400, "", version, values or {"": value})


def deliver(mounts: Mounts, one: Record, *wanted: Given) -> set[str]:
    """Give a worker secrets as an update does."""
    after = replace(one)
    with Exchange() as exchange:
        changed = mounts.prepare(exchange, one, after, wanted, US)
        exchange.commit()
    one.secrets = after.secrets
    mounts.sweep(one)
    return changed


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def mounts(tmp_path: Path, owner: int) -> Iterator[Mounts]:
    made = Mounts(str(tmp_path), owner)
    yield made
    made.leave()


def test_only_what_changes_is_written(mounts: Mounts) -> None:
    one = record()
    first = given("file", "a/key", b"one"), given("env", "PW", b"pw"), given("volume", "tls", key=b"k", crt=b"c")
    assert deliver(mounts, one, *first) == {"file.a/key", "env.PW", "volume.tls"}
    assert mounts.seen(one) == {"file.a/key": "1", "env.PW": "1", "volume.tls": "1"}
    assert mounts.env(one) == {"PW": "pw"}
    assert sorted(mounts.texts(one)) == ["c", "k", "one", "pw"]
    place = Path(mounts.links(one)["secrets"])
    before = place.readlink()
    assert deliver(mounts, one, *first) == set()
    assert place.readlink() == before
    assert deliver(mounts, one, given("file", "a/key", b"two", "2"), *first[1:]) == {"file.a/key"}
    assert (place / "a/key").read_bytes() == b"two"
    assert len(list(place.parent.iterdir())) == 3, "the version before is gone"
    assert deliver(mounts, one, *first[1:2]) == {"file.a/key", "volume.tls"}
    assert deliver(mounts, one) == {"env.PW"}
    assert not place.parent.exists()


def test_nobody_can_foresee_its_name_or_use_one_that_is_not_ours(mounts: Mounts, tmp_path: Path, owner: int) -> None:
    """A link to a place that others may write, or that is not there, leads to another place at the next delivery."""
    one = record()
    deliver(mounts, one, given("file", "key"))
    first = mounts.path
    assert first.startswith(memory.find(memory.places()))
    assert len(os.path.basename(first)) == len("hodei-") + 16
    os.chmod(first, 0o777)
    other = Mounts(str(tmp_path), owner)
    assert (other.path, other.seen(one)) == ("", {})
    deliver(other, one, given("file", "key"))
    assert other.path != first
    assert other.seen(one) == {"file.key": "1"}
    other.leave()


def test_all_of_it_is_closed_to_others_at_each_step(mounts: Mounts) -> None:
    """Not by one door alone: a worker's gate, each version, and the variables."""
    one = record()
    deliver(mounts, one, given("file", "a/key"), given("env", "PW"), given("volume", "tls", key=b"k"))
    place = Path(mounts.path)
    assert place.stat().st_mode & 0o066 == 0
    found = {path: path.lstat().st_mode & 0o777 for path in (place / one.token).rglob("*") if not path.is_symlink()}
    found[place / one.token] = (place / one.token).stat().st_mode & 0o777
    (version,) = [path.name for path in (place / one.token).iterdir() if path.is_dir() and not path.is_symlink()]
    within = f"{one.token}/{version}"
    assert {str(path.relative_to(place)): mode for path, mode in found.items()} == {
        one.token: 0o700,
        within: 0o700,
        f"{within}.env": 0o600,
        f"{within}/a": 0o755,
        f"{within}/a/key": 0o400,
        f"{within}/tls": 0o500,
        f"{within}/tls/key": 0o400,
    }


@pytest.mark.skipif(US[0] != 0, reason="only root can give a directory away")
def test_a_place_of_somebody_else_is_not_used(mounts: Mounts, tmp_path: Path, owner: int) -> None:
    one = record()
    deliver(mounts, one, given("file", "key"))
    os.chown(mounts.path, 65534, -1)
    assert Mounts(str(tmp_path), owner).seen(one) == {}
    os.chown(mounts.path, 0, -1)
    assert Mounts(str(tmp_path), owner).seen(one) == {"file.key": "1"}, "the control"


@pytest.mark.parametrize(("uid", "first"), [(0, "/run"), (1000, "/dev/shm")])
def test_what_belongs_to_users_is_not_where_their_logout_deletes_it(
    uid: int, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root gives files to users, whose files in /dev/shm go with their last session (RemoveIPC)."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert memory.places()[0] == first


def test_without_memory_they_lie_on_the_disk_until_the_next_boot(
    tmp_path: Path, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, name = (
        record(),
        "ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.secret_mounts.boot_id",
    )
    mounts = Mounts(str(tmp_path), owner, ("/nowhere",))
    deliver(mounts, one, given("file", "key"))
    assert mounts.path.startswith(f"{tmp_path}/secrets-")
    assert Mounts(str(tmp_path), owner).seen(one) == {"file.key": "1"}
    monkeypatch.setattr(name, lambda: "another")
    assert Mounts(str(tmp_path), owner).seen(one) == {}
    after = Mounts(str(tmp_path), owner, ("/nowhere",))
    deliver(after, one, given("file", "key"))
    after.keep_only({one.token})
    assert [path.name for path in tmp_path.glob("secrets-*")] == ["secrets-another"]


def test_who_deletes_the_place_is_noticed(mounts: Mounts) -> None:
    one = record()
    deliver(mounts, one, given("file", "key"), given("env", "PW"))
    remove_tree(os.path.basename(mounts.path), os.open(os.path.dirname(mounts.path), os.O_RDONLY))
    assert mounts.seen(one) == {}
    with pytest.raises(RefusedError, match=r"not there any more \(file.key, env.PW\)"):
        mounts.check(one)
    with pytest.raises(RefusedError):
        mounts.env(one)
    assert deliver(mounts, one, given("file", "key"), given("env", "PW")) == {"file.key", "env.PW"}
    mounts.check(one)


def test_only_living_workers_keep_them(mounts: Mounts, tmp_path: Path, owner: int) -> None:
    """What a supervisor that was killed has left for nobody is deleted by the next."""
    one, other = record("one"), record("other")
    for worker in (one, other):
        deliver(mounts, worker, given("file", "key"))
    after = Mounts(str(tmp_path), owner)
    after.keep_only({"one"})
    assert (after.seen(one), after.seen(other)) == ({"file.key": "1"}, {})
    after.remove("one")
    assert not os.path.lexists(tmp_path / "secrets")
    assert not os.path.exists(mounts.path)


def test_directories_are_deleted_however_deep_and_closed_they_are(tmp_path: Path, owner: int) -> None:
    """A worker that nests a thousand of them, and links them to what is not its own."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("stays")
    os.mkdir("deep", dir_fd=owner)
    current = os.open("deep", os.O_RDONLY, dir_fd=owner)
    for _unused in range(2000):
        os.mkdir("d", 0o700, dir_fd=current)
        os.symlink(tmp_path / "precious", "link", dir_fd=current)
        following = os.open("d", os.O_RDONLY, dir_fd=current)
        os.fchmod(current, 0o500)
        os.close(current)
        current = following
    os.close(current)
    remove_tree("deep", owner)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert (tmp_path / "precious" / "file").read_text() == "stays"


@pytest.mark.parametrize(
    ("way", "values", "words"),
    [
        ("env", {"": "/w=="}, "holds text"),
        ("env", {"": "YQBi"}, "without NUL"),
        ("env", {"": "YWFh" * 50_000}, "128 KiB"),
        ("volume", {"..": ""}, "cannot be the name of a file"),
        ("volume", {".": ""}, "cannot be the name of a file"),
        ("volume", {"a\0b": ""}, "cannot be the name of a file"),
        ("volume", {"a/b": ""}, "cannot be the name of a file"),
        ("volume", {"": ""}, "cannot be the name of a file"),
        ("volume", {"x" * 300: ""}, "cannot be the name of a file"),
    ],
)
def test_what_cannot_be_given_so(way: str, values: dict[str, str], words: str) -> None:
    item = {"key": f"{way}.X", "way": way, "place": "X", "mode": 0o400, "owner": "", "version": "1", "values": values}
    with pytest.raises(RefusedError, match=words) as caught:
        read_given([item])
    assert caught.value.__context__ is None


@pytest.mark.parametrize("kind", ["ext4", "tmpfs"])
def test_memory_is_told_by_the_deepest_mount(kind: str) -> None:
    mounts = [["/", "ext4"], ["/dev", "tmpfs"], ["/dev/shm", "tmpfs"], ["/dev/shm", kind]]
    assert memory._is_in_memory("/dev/shm", mounts) is (kind == "tmpfs")
    assert memory._is_in_memory("/dev/shm/x", mounts) is (kind == "tmpfs")
    assert not memory._is_in_memory("/home", mounts)
