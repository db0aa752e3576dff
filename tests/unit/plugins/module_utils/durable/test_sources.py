# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials outside of stores; those for the key of a store are tested with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.durable.sources import MOST_BYTES, outside
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind


@pytest.fixture
def parent() -> Iterator[Any]:
    """Start what stands for ansible-playbook, with descriptors of the test's choice."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*descriptors: int) -> int:
        command = [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"]
        one = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=descriptors)
        started.append(one)
        assert one.stdout is not None
        one.stdout.readline()
        for each in descriptors:
            os.close(each)
        return one.pid

    yield start
    for one in started:
        one.communicate()


def read(pid: int, number: int) -> bytes:
    """Look a descriptor up."""
    return outside({"fd": number}, pid).load().reveal()


def test_a_pipe_is_read_as_often_as_wanted(parent: Any) -> None:
    """Which is what `3< <(pass show x)` is."""
    out, into = os.pipe()
    os.write(into, b"words")
    os.close(into)
    pid = parent(out)
    assert [read(pid, out) for _unused in range(3)] == [b"words"] * 3


def test_a_file_is_read_from_its_beginning(parent: Any, tmp_path: Path) -> None:
    """Also one that is gone, and one that this user may not open by its name."""
    path = tmp_path / "key"
    path.write_text("words")
    opened = os.open(path, os.O_RDONLY)
    os.read(opened, 3)
    path.unlink()
    pid = parent(opened)
    assert [read(pid, opened) for _unused in range(2)] == [b"words"] * 2


@pytest.mark.parametrize("data", [b"", b"x" * (MOST_BYTES + 1)], ids=["nothing", "too much"])
def test_what_is_no_credential(parent: Any, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(data)
    opened = os.open(path, os.O_RDONLY)
    pid = parent(opened)
    with pytest.raises(HodeiError, match=f"descriptor {opened} of ansible-playbook") as caught:
        read(pid, opened)
    assert caught.value.kind is Kind.CONFIGURATION


def test_an_empty_pipe(parent: Any) -> None:
    out, into = os.pipe()
    os.close(into)
    pid = parent(out)
    with pytest.raises(HodeiError, match="is empty"):
        read(pid, out)


def test_no_such_descriptor(parent: Any) -> None:
    for pid in (parent(), 0):
        with pytest.raises(HodeiError, match="there is no descriptor 77 of ansible-playbook") as caught:
            read(pid, 77)
        assert caught.value.kind is Kind.NOT_FOUND


def test_neither_a_file_nor_a_pipe(parent: Any) -> None:
    opened = os.open("/dev/null", os.O_RDONLY)
    pid = parent(opened)
    with pytest.raises(HodeiError, match="neither a file nor a pipe"):
        read(pid, opened)


def test_a_file_of_everybody(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("words")
    path.chmod(0o644)
    with pytest.raises(HodeiError, match="others can read"):
        outside({"file": str(path)}).value()
    path.chmod(0o600)
    assert outside({"file": str(path)}).value().text() == "words"
