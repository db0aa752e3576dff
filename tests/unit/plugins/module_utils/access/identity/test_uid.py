# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who this host says that somebody is."""

from __future__ import annotations

import grp
import os

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.identity import uid
from ansible_collections.hodei.workers.plugins.module_utils.model.principal import Verified
from ansible_collections.hodei.workers.tests.support.forks import in_child

NOBODYS = 54321  # a number that no user has


def test_of_this_process() -> None:
    found = uid.of_this_process()
    assert (found.subject, found.verified, found.until) == (f"uid:{os.geteuid()}", Verified.UID, None)
    assert grp.getgrgid(os.getegid()).gr_name in found.groups
    assert (found.tenant, found.roles) == ("", frozenset())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_counts_is_who_a_process_may_act_as() -> None:
    """Not who has started it."""

    def acts() -> None:
        os.seteuid(NOBODYS)
        assert uid.of_this_process().subject == f"uid:{NOBODYS}"

    assert in_child(acts) == 0


def test_groups_that_no_rule_could_name_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(gid: int) -> grp.struct_group:
        if gid == 1:
            raise KeyError(gid)
        return grp.struct_group(({2: "domain users", 3: "ops"}[gid], "x", gid, []))

    monkeypatch.setattr(grp, "getgrgid", named)
    monkeypatch.setattr(os, "getgroups", lambda: [1, 2, 3])
    monkeypatch.setattr(os, "getegid", lambda: 1)
    assert uid.of_this_process().groups == {"ops"}
