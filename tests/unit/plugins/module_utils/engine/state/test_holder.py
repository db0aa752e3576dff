# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.holder import (
    Holder,
    parse_holder,
    provably_dead,
    shown,
    this_process,
)

HERE = this_process()
INITIAL = "4026531836"


@pytest.fixture
def ended() -> Holder:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return HERE._replace(pid=child.pid, start="1")


def test_what_is_written_can_be_read() -> None:
    assert parse_holder(str(HERE)) == HERE
    odd = HERE._replace(user="DOM\\ana@corp (x)")
    assert parse_holder(str(odd)) == odd
    assert parse_holder("alice") is None


def test_people_see_who_and_where() -> None:
    assert shown(str(HERE)) == f"{HERE.user}@{HERE.host} pid {os.getpid()}"
    assert shown("alice") == "alice"


def test_this_process_is_alive() -> None:
    assert HERE.start
    assert not provably_dead(str(HERE))


def test_ended_process_is_dead(ended: Holder) -> None:
    assert provably_dead(str(ended))


def test_pid_that_was_given_to_another_process_is_dead() -> None:
    assert provably_dead(str(HERE._replace(start="1")))


def test_zombie_is_dead() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    try:
        assert provably_dead(str(HERE._replace(pid=child, start="")))
    finally:
        os.waitpid(child, 0)


def test_process_of_another_user_is_alive_as_far_as_we_know() -> None:
    assert not provably_dead(str(HERE._replace(pid=1, start="")))


@pytest.mark.parametrize(
    "change",
    [
        {"host": "elsewhere"},
        {"machine": "another"},
        {"machine": ""},
        {"boot": ""},
        {"namespace": "1"},
        {"namespace": ""},
    ],
)
def test_what_cannot_be_known_proves_nothing(ended: Holder, change: dict[str, Any]) -> None:
    assert not provably_dead(str(ended._replace(**change)))


def test_holder_from_before_a_boot_is_dead_outside_of_containers() -> None:
    here = HERE._replace(namespace=INITIAL)
    before = here._replace(boot="another")
    assert provably_dead(str(before), here)
    assert not provably_dead(str(before._replace(namespace="7")), here)
    assert not provably_dead(str(before), here._replace(namespace="7"))
