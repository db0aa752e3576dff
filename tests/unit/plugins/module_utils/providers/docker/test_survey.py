# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a container is that is looked for by its id."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.records import OWNER, Record, first_labels
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.secret_delivery import Secrets
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.survey import Survey

RECORD = Record("me", "local", "one", "web", None, 1, "digest", "key", "op", image="web:1")


class Engine:
    """Has one container and no volumes."""

    def __init__(self, name: str, labels: dict[str, str]) -> None:
        self._container = {"Id": "c" * 64, "Name": f"/{name}", "Config": {"Image": "web:1", "Labels": labels}}

    def get(self, path: str, **_unused: Any) -> Any:
        return {"Volumes": None} if path == "/volumes" else self._container


def found(name: str, labels: dict[str, str]) -> bool:
    """Look for it as owner ``me``."""
    engine: Any = Engine(name, labels)
    return Survey(engine, "me", "local", Secrets(engine, "me", dict)).find("c" * 64) is not None


@pytest.mark.parametrize("name", ["me.web.1", "renamed"])
def test_ours(name: str) -> None:
    assert found(name, first_labels(RECORD))


@pytest.mark.parametrize("name", ["other.web.1", "me.web.1"])
def test_another_owners_is_not_ours_on_the_same_engine(name: str) -> None:
    """The event of a record's volume does not tell whose it is, and a provider is called `local` by everybody."""
    assert not found(name, {**first_labels(RECORD), OWNER: "other"})


def test_a_strangers_is_not_ours_whatever_its_name() -> None:
    """It has no record, and needs none."""
    assert not found("me.database", {})


def test_ours_that_cannot_be_read_is_told() -> None:
    """What it is, nobody knows."""
    with pytest.raises(HodeiError) as caught:
        found("me.web.1", {OWNER: "me"})
    assert caught.value.kind is Kind.COMPATIBILITY
