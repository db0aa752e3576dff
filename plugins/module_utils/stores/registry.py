# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which types of credential stores there are, each imported only when used.

The import statements are visible on purpose: Ansible ships to the target only what they name (docs/decisions/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..model.store import Borrow, Seen, Store

Config = Mapping[str, Any]


class Make(Protocol):
    """Makes a store; touches nothing, what is wrong is told by the first call of the store."""

    def __call__(
        self,
        name: str,
        config: Config,
        home: Path,
        *,
        read_only: bool = False,
        seen: Seen | None = None,
        borrow: Borrow | None = None,
    ) -> Store:
        """``home`` is a directory for what it keeps on this machine; ``seen`` is the furthest that was ever seen of it;
        ``borrow`` is asked for another process's login before the store logs in by itself.
        """


class StoreType(NamedTuple):
    """A type of store.

    ``found`` makes what it needs before its first use (its key, its file) and returns what it made, or would make; None: nothing is
    needed. It never makes a key for data that is there already. ``saved`` returns the files that it has on this machine for a backup, with
    keys only when these are asked for, and ``put_back`` puts them in their places; None: it has none here.
    """

    config_schema: dict[str, Any]
    make: Make
    found: Callable[[str, Config, Path, bool], list[str]] | None = None
    saved: Callable[[Config, Path, bool], dict[str, bytes]] | None = None
    put_back: Callable[..., bool] | None = None


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
