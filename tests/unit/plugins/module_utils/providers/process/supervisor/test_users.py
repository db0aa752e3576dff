# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and capabilities by name."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.capabilities import (
    capability_number,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.users import identity
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.wire import RefusedError


def test_nobody_in_particular_and_ourselves() -> None:
    """Nothing is to be changed."""
    assert identity("") is None
    if os.geteuid() != 0:
        assert identity(pwd.getpwuid(os.geteuid()).pw_name) is None


def test_names_and_numbers() -> None:
    """A name brings its groups, a number that nobody has brings none."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    user = pwd.getpwnam("nobody")
    found = identity("nobody")
    assert found is not None
    assert found[:2] == (user.pw_uid, user.pw_gid)
    assert found == identity(str(user.pw_uid))
    root_group = grp.getgrgid(0).gr_name
    assert identity(f"nobody:{root_group}") == (user.pw_uid, 0, (0,))
    assert identity("54321:12345") == (54321, 12345, (12345,))
    assert identity("54321") == (54321, 54321, (54321,))


@pytest.mark.parametrize("user", ["no-such-user", "0:no-such-group"])
def test_who_is_not_there(user: str) -> None:
    """Is named."""
    with pytest.raises(RefusedError, match="no-such"):
        identity(user)


def test_another_user_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the error says so."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RefusedError, match="only root"):
        identity("0")


def test_capabilities() -> None:
    """With and without their prefix."""
    assert capability_number("CAP_CHOWN") == 0
    assert capability_number("net_admin") == 12
    assert capability_number("CHECKPOINT_RESTORE") == 40
    assert capability_number("FLY") is None
