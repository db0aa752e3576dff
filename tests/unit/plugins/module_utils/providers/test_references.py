# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References in commands and environments."""

from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.references import expand, expand_all, expand_env

ENV = {"PORT": "8080", "NAME": "runner", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$(PORT)", "8080"),
        ("http://$(NAME):$(PORT)/", "http://runner:8080/"),
        ("$(EMPTY)", ""),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(PORT)", "$(PORT)"),
        ("$$$(PORT)", "$$(PORT)"),
        ("$PORT ${PORT}", "$PORT ${PORT}"),
        ("echo $$", "echo $$"),
        ("$(date +%s)", "$(date +%s)"),
        ("$(", "$("),
    ],
)
def test_expand(text: str, expected: str) -> None:
    """As Kubernetes does, but for a lone $$."""
    assert expand(text, ENV) == expected


def test_an_environment_sees_what_stands_before() -> None:
    """In the order of the document."""
    env = expand_env({"URL": "http://x:$(PORT)", "AGAIN": "$(URL)/y", "EARLY": "$(LATE)", "LATE": "1"}, ENV)
    assert (env["URL"], env["AGAIN"], env["EARLY"]) == ("http://x:8080", "http://x:8080/y", "$(LATE)")
    assert env["NAME"] == "runner"


def test_nests() -> None:
    """Every string, nothing else."""
    assert expand_all({"a": ["$(PORT)", 1, None], "b": {"c": "$(NAME)"}}, ENV) == {
        "a": ["8080", 1, None],
        "b": {"c": "runner"},
    }
