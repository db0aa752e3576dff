# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two names of one machine with one owner are refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.shards import refuse_shared
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind


def variables(**hosts: dict[str, Any]) -> dict[str, Any]:
    """What the first of some local hosts sees."""
    hostvars = {name: {"ansible_connection": "local", **own} for name, own in hosts.items()}
    here = next(iter(hosts))
    return {
        **hostvars[here],
        "inventory_hostname": here,
        "ansible_play_hosts_all": list(hosts),
        "hostvars": hostvars,
    }


def check(owner: str | None, seen: dict[str, Any]) -> None:
    refuse_shared(owner, seen, lambda value: value)


def test_same_machine_and_same_owner() -> None:
    with pytest.raises(
        HodeiError, match="hosts 'a' and 'b' are this same machine and have the same owner 'ci'"
    ) as error:
        check("ci", variables(a={"hodei_owner": "ci"}, b={"hodei_owner": "ci"}))
    assert error.value.kind is Kind.CONFLICT
    assert "give each its own hodei_owner" in error.value.hint


def test_both_take_the_owner_of_the_environment() -> None:
    with pytest.raises(HodeiError, match=r"have the same owner\. Run the play on one of them"):
        check(None, variables(a={}, b={}))


@pytest.mark.parametrize(
    "seen",
    [
        variables(a={"hodei_owner": "ci"}),
        variables(a={"hodei_owner": "ci"}, b={"hodei_owner": "other"}),
        variables(a={"hodei_owner": "ci"}, b={"hodei_owner": "ci", "ansible_connection": "ssh"}),
        variables(a={"hodei_owner": "ci", "ansible_connection": "ssh"}, b={"hodei_owner": "ci"}),
        {},
    ],
    ids=["alone", "another owner", "another machine", "we are on another machine", "no play"],
)
def test_everything_else_is_allowed(seen: dict[str, Any]) -> None:
    check("ci", seen)
