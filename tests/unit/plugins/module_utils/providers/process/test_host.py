# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What workers survive, by the facts of a machine."""

from __future__ import annotations

import os

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.host import (
    Host,
    expected_limits,
    look,
    scope_command,
    survival,
)

BARE = Host(root=False, container=False, systemd=False, manager=False, linger=False, session=False)
LOGIN = BARE._replace(systemd=True, manager=True, session=True)


@pytest.mark.parametrize(
    ("host", "service_manager", "survives", "cure"),
    [
        (BARE, True, "boot", ""),
        (BARE._replace(container=True), True, "container", "on a host"),
        (LOGIN, True, "login", "enable-linger"),
        (LOGIN._replace(linger=True), True, "boot", ""),
        (LOGIN, False, "session", "service_manager: true"),
        (LOGIN._replace(manager=False), True, "session", "XDG_RUNTIME_DIR"),
        (LOGIN._replace(manager=False, session=False), True, "boot", ""),
        (LOGIN._replace(root=True), True, "boot", ""),
        (LOGIN._replace(root=True), False, "session", "service_manager: true"),
        (LOGIN._replace(root=True, container=True), True, "container", "on a host"),
    ],
)
def test_survival(host: Host, service_manager: bool, survives: str, cure: str) -> None:
    """What cannot be escaped is a warning with its cure."""
    found, warnings = survival(host, service_manager)
    assert found == survives
    assert bool(warnings) == bool(cure)
    assert cure in "".join(warnings)


def test_the_scope_is_delegated() -> None:
    """Of the user's own manager, or of the system's for root."""
    assert scope_command(BARE, "ci", "1") == []
    user = scope_command(LOGIN, "ci", "1")
    assert "--user" in user
    assert "Delegate=yes" in user
    assert "--user" not in scope_command(LOGIN._replace(root=True), "ci", "1")


def test_looking_changes_nothing_and_knows_a_container() -> None:
    """By the mark that container engines set."""
    assert look({"container": "podman"}).container
    assert look({}).root == (os.geteuid() == 0)


def test_limits_that_a_supervisor_would_have() -> None:
    """No more than the kernel has controllers for."""
    assert expected_limits(BARE, True) <= {"memory", "cpu", "pids"}
    assert expected_limits(LOGIN, True) <= {"memory", "cpu", "pids"}
