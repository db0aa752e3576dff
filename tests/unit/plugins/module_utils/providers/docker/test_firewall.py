# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a bridge, as text."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.firewall import chain


def rules(**policy: Any) -> list[str]:
    """Return the rules of a policy without the chain's name."""
    whole = {"strict": False, "allow": [], "block": [], **policy}
    return [line.removeprefix("-A hd-x ") for line in chain("hd-x", json.dumps(whole))]


ALWAYS = [":hd-x - [0:0]", "-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"]


def test_strict_drops_what_is_not_allowed() -> None:
    """What is allowed goes on to the rules of others: ours never open anything."""
    allow = [{"cidr": "10.0.0.0/8", "ports": [1, 2], "protocol": "tcp"}]
    assert rules(strict=True, allow=allow) == [
        *ALWAYS,
        "-d 10.0.0.0/8 -p tcp --dport 1 -j RETURN",
        "-d 10.0.0.0/8 -p tcp --dport 2 -j RETURN",
        "-j DROP",
    ]


def test_what_is_blocked_wins() -> None:
    """And without strict the rest is open."""
    one = {"cidr": "10.0.0.0/8", "ports": [], "protocol": ""}
    assert rules(block=[one]) == [*ALWAYS, "-d 10.0.0.0/8 -j DROP"]
    both = rules(strict=True, block=[one], allow=[one])
    assert both[2:] == ["-d 10.0.0.0/8 -j DROP", "-d 10.0.0.0/8 -j RETURN", "-j DROP"]


def test_ipv6_has_a_rule_of_its_own() -> None:
    """Which drops all of it."""
    assert rules(block=[{"cidr": "fd00::/8", "ports": [1], "protocol": "udp"}]) == ALWAYS
