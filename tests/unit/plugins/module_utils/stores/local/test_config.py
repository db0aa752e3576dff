# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What init makes of a store of the document, and what it refuses to make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.configs import read_stores
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.stores.registry import store_schemas, store_type
from ansible_collections.hodei.workers.tests.support.places import quick_directory

Init: TypeAlias = Callable[..., list[str]]


@pytest.fixture
def home() -> Iterator[Path]:
    """Where the store lies."""
    with quick_directory() as directory:
        yield directory / "stores" / "local"


@pytest.fixture
def init(home: Path) -> Init:
    """Make what is missing; ``written`` is what the document says of the store."""

    def call(look_only: bool = False, **written: Any) -> list[str]:
        stores, problems = read_stores({"local": written}, store_schemas())
        assert not problems
        found = store_type("local").found
        assert found is not None
        return list(found("local", stores["local"], home, look_only))

    return call


def test_key_and_store_are_made_once(init: Init, home: Path) -> None:
    assert init(look_only=True) == ["key", "store"]
    assert not home.exists()
    assert init() == ["key", "store"]
    assert init() == init(look_only=True) == []


def test_a_key_is_never_made_for_a_store_that_has_lost_its_own(init: Init, home: Path) -> None:
    """With a new one it would still be there, and nobody could read it: that is told as long as the old one may be found."""
    init()
    key = home / "store.key"
    key.unlink()
    for look_only in (True, False):
        with pytest.raises(HodeiError, match=r"store\.key is missing") as caught:
            init(look_only=look_only)
        assert caught.value.kind is Kind.CONFIGURATION
        assert not key.exists()


def test_a_link_in_the_keys_place_is_left_alone(init: Init, home: Path, tmp_path: Path) -> None:
    """One that leads nowhere, too: the disk that has the key may only be missing."""
    home.mkdir(parents=True)
    (home / "store.key").symlink_to(tmp_path / "nowhere")
    with pytest.raises(HodeiError):
        init()
    assert (home / "store.key").is_symlink()
    assert not (tmp_path / "nowhere").exists()
