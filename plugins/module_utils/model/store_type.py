# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a type of credential store says of itself: the schema of its configuration, and how one is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .store import Borrow, Seen, Store

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
