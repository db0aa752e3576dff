# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The type of a provider, told from its keys."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.detect import SIGNS, detect_type
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind, Problem

COMMON = ("type", "max_parallel")
ALL: dict[str, Any] = {name: {} for name in SIGNS}


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
        (
            {"type": "zzz"},
            (
                "providers.x.type: 'zzz' is not a type of provider; write one of process. The package of a plug-in has "
                "to be installed where the task runs, for the Python that runs it"
            ),
        ),
        ({"type": 3}, "providers.x.type: a type is text; write one of process"),
        ({"colour": 1}, "providers.x: the type of a provider with colour is not known; write type: process"),
        (
            {"url": "x", "directory": "y"},
            "providers.x: the type of a provider with directory, url could be docker or process; write type: docker or process",
        ),
    ],
)
def test_what_tells_no_type_is_told(config: dict[str, Any], said: str) -> None:
    found = detect_type("providers.x", config, {"process": {}}, COMMON)
    assert isinstance(found, Problem)
    assert str(found) == said


def test_a_plug_in_tells_its_type_by_its_own_keys() -> None:
    """After the built-in types, which win."""
    known: dict[str, Any] = {
        "process": {},
        "spool": {"x-signs": [["spool"]]},
        "pond": {"x-signs": [["spool", "depth"]]},
    }
    assert detect_type("providers.x", {"spool": "/x"}, known, COMMON) == "spool"
    assert detect_type("providers.x", {"spool": "/x", "directory": "/x"}, known, COMMON) == "process"
    both = detect_type("providers.x", {"spool": "/x", "depth": 3}, known, COMMON)
    assert isinstance(both, Problem)
    assert "could be pond or spool" in both.message


class Broken(dict[str, Any]):
    """Types of which one cannot be used."""

    def __contains__(self, name: object) -> bool:
        if name == "broken":
            raise HodeiError(Kind.COMPATIBILITY, "the plug-in is too old", hint="Install a newer one.")
        return super().__contains__(name)


def test_a_plug_in_that_cannot_be_used_is_a_problem_of_the_document() -> None:
    """At its place, with the cure."""
    found = detect_type("providers.x", {"type": "broken"}, Broken(process={}), COMMON)
    assert str(found) == "providers.x.type: the plug-in is too old; Install a newer one."
