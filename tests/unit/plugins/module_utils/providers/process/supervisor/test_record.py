# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records: whole or not there, whatever happens to who writes them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor import record as record_module
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.exchange import Exchange
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.record import (
    NotBegunError,
    Record,
    create,
    load,
    read_all,
    record_id,
    save,
    whole,
)


def make(**more: Any) -> Record:
    """Make a record."""
    fields: dict[str, Any] = {
        "id": "runner+2.1",
        "name": "runner",
        "key": 2,
        "generation": 1,
        "provider": "local",
        "owner": "ci",
        "lineage": "l",
        "digest": "d",
        "key_id": "k",
        "operation": "op",
        "intent": "started",
        "protected": False,
        "spec": {"env": {"A": "b" * 6000}},
        "token": "t",
        "boot": "b",
        "created_at": 1.5,
    }
    return Record(**{**fields, **more})


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    """An open directory."""
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_what_was_written_is_read(directory: int) -> None:
    """All of it, and what changed since."""
    record = make(reason="r", groups={"memory": "/x"})
    create(record, directory)
    assert load("runner+2.1.json", directory) == record
    record.state, record.pid, record.edits = "running", 7, 3
    save(record, directory)
    assert load("runner+2.1.json", directory) == record
    record.spec = {"env": {}}
    with Exchange() as exchange:
        exchange.prepare(directory, "runner+2.1.json", whole(record), 0o600)
        exchange.commit()
    assert load("runner+2.1.json", directory) == record
    assert [name for name, _unused in read_all(directory)] == ["runner+2.1.json"]


def test_it_is_read_while_it_is_written(directory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel gives a reader half of the old page and half of the new one: what two looks agree on is whole."""
    record = make(state="running", pid=7, reason="x" * 300)
    create(record, directory)

    class Torn(io.FileIO):
        """A file of which the first look is such a mixture."""

        looks = 0

        def readall(self) -> bytes:
            data = super().readall()
            Torn.looks += 1
            return data.replace(b'"pid":7,', b'"pid":8,') if Torn.looks == 1 else data

        def read(self, size: int | None = -1, /) -> bytes:
            return self.readall() if size is None or size < 0 else super().read(size)

    monkeypatch.setattr(record_module, "open", lambda fd, *_unused, **_more: Torn(fd), raising=False)
    assert load("runner+2.1.json", directory) == record


def test_only_its_owner_reads_it(directory: int, tmp_path: Path) -> None:
    """It holds the environment in plain text."""
    create(make(), directory)
    assert (tmp_path / "runner+2.1.json").stat().st_mode & 0o777 == 0o600


def test_a_writer_that_died_before_the_page_was_written(directory: int, tmp_path: Path) -> None:
    """The worker was never started, so the record is about nothing."""
    create(make(), directory)
    path = tmp_path / "runner+2.1.json"
    data = path.read_bytes()
    path.write_bytes(bytes(4096) + data[4096:5000])
    (found,) = [found for _unused, found in read_all(directory)]
    assert isinstance(found, NotBegunError)
    path.write_bytes(b"")
    (found,) = [found for _unused, found in read_all(directory)]
    assert isinstance(found, NotBegunError)


@pytest.mark.parametrize("damage", [b"{", b"[1]", b'{"format":99}', b'{"format":1}'])
def test_damage_is_told(directory: int, tmp_path: Path, damage: bytes) -> None:
    """As an error in the place of the record; the others are read."""
    create(make(), directory)
    path = tmp_path / "broken.1.json"
    path.write_bytes(b'{"format":1,"state":"running"}'.ljust(4096) + damage)
    found = dict(read_all(directory))
    assert isinstance(found["broken.1.json"], ValueError)
    assert isinstance(found["runner+2.1.json"], Record)


def test_a_reason_never_outgrows_the_page(directory: int) -> None:
    """It is cut, the rest of the record is not touched."""
    record = make(reason="\u20ac\n" * 5000, groups={"memory": "/" + "x" * 300})
    create(record, directory)
    found = load("runner+2.1.json", directory)
    assert found.groups == record.groups
    assert found.reason.startswith("\u20ac")
    assert len(found.spec["env"]["A"]) == 6000


def test_a_full_disk_leaves_nothing(directory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither half a record nor a temporary file."""

    def full(*_unused: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        create(make(), directory)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_record_is_not_read(directory: int, tmp_path: Path) -> None:
    """Temporary files and strangers."""
    (tmp_path / ".runner.1.tmp").write_text("")
    (tmp_path / "note.txt").write_text("")
    (tmp_path / "link.1.json").symlink_to("/etc/passwd")
    found = dict(read_all(directory))
    assert list(found) == ["link.1.json"]
    assert isinstance(found["link.1.json"], OSError)


def test_no_two_addresses_share_a_name() -> None:
    """An index is not a part of a name."""
    names = {
        record_id("runner", None, 1),
        record_id("runner", 2, 1),
        record_id("runner-2", None, 1),
        record_id("runner", None, 21),
    }
    assert len(names) == 4


def test_an_older_version_reads_what_a_newer_one_added(directory: int, tmp_path: Path) -> None:
    """Unknown fields are passed over."""
    create(make(), directory)
    path = tmp_path / "runner+2.1.json"
    data = path.read_bytes()
    path.write_bytes(data[:4096] + data[4096:].replace(b'{"format":1,', b'{"format":1,"novel":true,'))
    assert load("runner+2.1.json", directory).name == "runner"
    assert make().address == "worker.runner[2]"
