# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which types of credential stores there are, each imported only when used.

The import statements are visible on purpose: Ansible ships to the target only what they name (docs/decisions/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..model.store import Borrow, Seen, Store
from ..model.store_type import Config, StoreType


def _local() -> StoreType:
    from .local.fields import LOCAL_CONFIG

    def make(
        name: str,
        config: Config,
        home: Path,
        *,
        read_only: bool = False,
        seen: Seen | None = None,
        borrow: Borrow | None = None,
    ) -> Store:
        from .local.config import local_store

        return local_store(config, home, read_only=read_only, seen=seen, borrow=borrow)

    def found(name: str, config: Config, home: Path, look_only: bool) -> list[str]:
        from .local.config import found_local_store

        return found_local_store(config, home, look_only=look_only)

    def saved(config: Config, home: Path, keys: bool) -> dict[str, bytes]:
        from .local.saving import saved_local_store

        return saved_local_store(config, home, keys=keys)

    def put_back(
        config: Config, home: Path, files: Mapping[str, bytes], known: Seen | None, accept: bool, *, look_only: bool
    ) -> bool:
        from .local.saving import put_back_local_store

        return put_back_local_store(config, home, files, known, accept, look_only=look_only)

    return StoreType(LOCAL_CONFIG, make, found, saved, put_back)


BUILT_IN: dict[str, Callable[[], StoreType]] = {"local": _local}


def store_type(name: str) -> StoreType:
    """Return a type by its name. KeyError: there is none, which validation has told before."""
    return BUILT_IN[name]()


def store_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each type's own configuration keys."""
    return {name: make().config_schema for name, make in BUILT_IN.items()}
