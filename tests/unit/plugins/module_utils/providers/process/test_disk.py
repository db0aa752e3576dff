# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen without a supervisor."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.providers.process import disk
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor import procfs
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.record import Record, create


def record(place: Path, name: str, **more: Any) -> Record:
    """Put a record of a worker there."""
    (place / "records").mkdir(exist_ok=True)
    own = procfs.look(os.getpid())
    assert own is not None
    fields: dict[str, Any] = {
        "id": f"{name}.1", "name": name, "key": None, "generation": 1, "provider": "local", "owner": "o", "lineage": "l",
        "digest": "d", "key_id": "k", "operation": "op", "intent": "started", "protected": False, "spec": {}, "token": "t",
        "boot": procfs.boot_id(), "created_at": 1.0, "state": "running", "pid": own.pid, "started": own.started,
    }  # fmt: skip
    made = Record(**{**fields, **more})
    fd = os.open(place / "records", os.O_RDONLY)
    create(made, fd)
    os.close(fd)
    return made


def states(place: Path) -> dict[str, tuple[WorkerState, str]]:
    """List, by name."""
    return {one.address.name: (one.state, one.reason) for one in disk.listing(str(place), "local").observations}


def test_nothing_at_all(tmp_path: Path) -> None:
    """No directory, no workers, no error."""
    assert disk.listing(str(tmp_path / "gone"), "local").observations == ()
    assert disk.events(str(tmp_path), "worker.w", 5) == []


def test_alive_dead_and_another_boot(tmp_path: Path) -> None:
    """By pid, start and boot."""
    record(tmp_path, "alive")
    record(tmp_path, "reused", started=1)
    record(tmp_path, "dead", pid=2**22 + 1, exit_code=None)
    record(tmp_path, "rebooted", boot="another")
    record(tmp_path, "done", state="completed", exit_code=0, boot="another")
    record(tmp_path, "waiting", state="recovering", pid=0, reason="exited with code 1")
    record(tmp_path, "elsewhere", provider="other")
    found = states(tmp_path)
    assert found == {
        "alive": (WorkerState.RUNNING, ""),
        "reused": (WorkerState.FAILED, disk.UNSEEN),
        "dead": (WorkerState.FAILED, disk.UNSEEN),
        "rebooted": (WorkerState.FAILED, disk.REBOOTED),
        "done": (WorkerState.COMPLETED, ""),
        "waiting": (WorkerState.RECOVERING, "exited with code 1"),
    }


def test_a_record_that_cannot_be_read_makes_the_list_incomplete(tmp_path: Path) -> None:
    """What it is about may live: it is Unknown. One that an earlier boot has torn is about nothing."""
    record(tmp_path, "alive")
    torn = tmp_path / "records" / "torn.1.json"
    torn.write_bytes(b"{".ljust(5000))
    found = disk.listing(str(tmp_path), "local")
    assert not found.complete
    assert found.problem is not None
    assert str(torn) in str(found.problem)
    assert len(found.observations) == 1
    before_boot = time.time() - procfs.boottime() - 60
    os.utime(torn, (before_boot, before_boot))
    assert disk.listing(str(tmp_path), "local").complete
    torn.write_bytes(bytes(4096))
    assert disk.listing(str(tmp_path), "local").complete


def test_a_directory_that_is_a_link(tmp_path: Path) -> None:
    """Is not read."""
    (tmp_path / "records").symlink_to("/etc")
    with pytest.raises(HodeiError) as caught:
        disk.listing(str(tmp_path), "local")
    assert caught.value.kind is Kind.AUTHORIZATION


def test_events_oldest_first_and_no_more_than_asked_for(tmp_path: Path) -> None:
    """Of one address, across the two files; a line that is half written is passed over."""
    (tmp_path / "events.jsonl.1").write_text('[1.0,"worker.w","created","op",""]\n')
    (tmp_path / "events.jsonl").write_text(
        '[2.0,"worker.w","started","worker.x",""]\n[3.0,"worker.x","started","worker.w",""]\n[4.0,"worker.w","stopped","",""]\n[5.0,"worker.w"'
    )
    found = disk.events(str(tmp_path), "worker.w", 10)
    assert [(event.at, event.event) for event in found] == [(1.0, "created"), (2.0, "started"), (4.0, "stopped")]
    assert [event.at for event in disk.events(str(tmp_path), "worker.w", 2)] == [2.0, 4.0]
