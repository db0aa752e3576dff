# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The type of a provider, told from its keys."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.detect import SIGNS, detect_type
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Problem

COMMON = ("type", "max_parallel")
ALL = tuple(SIGNS)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({}, "process"),
        ({"max_parallel": 3}, "process"),
        ({"directory": "/x"}, "process"),
        ({"url": "unix:///x"}, "docker"),
        ({"socket": "/x"}, "docker"),
        ({"kubeconfig": "/x"}, "kubernetes"),
        ({"context": "x"}, "kubernetes"),
        ({"region": "x", "cluster": "y"}, "ecs"),
        ({"subscription": "x", "resource_group": "y"}, "aci"),
        ({"project": "x", "region": "y"}, "cloud_run"),
        ({"account_id": "x"}, "cloudflare"),
        ({"type": "docker", "directory": "x"}, "docker"),
    ],
)
def test_the_keys_tell_the_type(config: dict[str, Any], kind: str) -> None:
    assert detect_type("providers.x", config, ALL, COMMON) == kind


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"url": "x"},
            "providers.x.type: providers of type 'docker' are not in this version; it has process",
        ),
        (
            {"type": "kubernetes"},
            "providers.x.type: providers of type 'kubernetes' are not in this version; it has process",
        ),
        ({"type": "Proces"}, "providers.x.type: 'Proces' is not a type of provider; did you mean process?"),
        ({"type": "zzz"}, "providers.x.type: 'zzz' is not a type of provider; write one of process"),
        ({"type": 3}, "providers.x.type: a type is text; write one of process"),
        ({"colour": 1}, "providers.x: the type of a provider with colour is not known; write type: process"),
        (
            {"url": "x", "directory": "y"},
            "providers.x: the type of a provider with directory, url could be docker or process; write type: docker or process",
        ),
    ],
)
def test_what_tells_no_type_is_told(config: dict[str, Any], said: str) -> None:
    found = detect_type("providers.x", config, ["process"], COMMON)
    assert isinstance(found, Problem)
    assert str(found) == said
