# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who this host says that somebody is."""

from __future__ import annotations

import grp
import os
import socket
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.identity import uid
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.principal import Verified
from ansible_collections.hodei.workers.tests.support.forks import in_child
from ansible_collections.hodei.workers.tests.support.places import quick_directory

NOBODYS = 54321  # a number that no user has


def test_of_this_process() -> None:
    found = uid.of_this_process()
    assert (found.subject, found.verified, found.until) == (f"uid:{os.geteuid()}", Verified.UID, None)
    assert grp.getgrgid(os.getegid()).gr_name in found.groups
    assert (found.tenant, found.roles) == ("", frozenset())


def test_the_other_end_of_a_pair_is_oneself() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert uid.of_peer(here) == uid.of_this_process()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_else_is_told_by_the_kernel_with_all_groups() -> None:
    named = sorted(grp.getgrall(), key=lambda one: one.gr_gid)[1:3]
    with quick_directory() as place, socket.socket(socket.AF_UNIX) as server:
        place.chmod(0o711)
        path = str(place / "s")
        server.bind(path)
        Path(path).chmod(0o666)
        server.listen()

        def connects() -> None:
            os.setgroups([one.gr_gid for one in named])
            os.setgid(NOBODYS)
            os.setuid(NOBODYS)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)

        assert in_child(connects) == 0
        connection, _unused = server.accept()
        with connection:
            found = uid.of_peer(connection)  # of who connected, even if it is gone
    assert found.subject == f"uid:{NOBODYS}"
    assert found.groups == {one.gr_name for one in named}


def test_a_user_that_this_host_cannot_name_is_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    overflow = tmp_path / "overflowuid"
    overflow.write_text(f"{os.geteuid()}\n")
    monkeypatch.setattr(uid, "_OVERFLOW", overflow)
    here, there = socket.socketpair()
    with here, there, pytest.raises(HodeiError, match="no number for") as refused:
        uid.of_peer(here)
    assert refused.value.kind is Kind.AUTHENTICATION


def test_who_is_elsewhere_is_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        connection, _unused = server.accept()
        with connection, client, pytest.raises(HodeiError) as refused:
            uid.of_peer(connection)
    assert refused.value.kind is Kind.AUTHENTICATION


def test_groups_that_no_rule_could_name_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(gid: int) -> grp.struct_group:
        if gid == 1:
            raise KeyError(gid)
        return grp.struct_group(({2: "domain users", 3: "ops"}[gid], "x", gid, []))

    monkeypatch.setattr(grp, "getgrgid", named)
    monkeypatch.setattr(os, "getgroups", lambda: [1, 2, 3])
    monkeypatch.setattr(os, "getegid", lambda: 1)
    assert uid.of_this_process().groups == {"ops"}
