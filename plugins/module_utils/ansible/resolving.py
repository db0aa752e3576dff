# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an address to a session: the one place where a store is opened for lookups, and where rules and audit go around it.

An address is JSON: ``store`` (its name), ``config`` (what the user wrote of it), and ``owner``, ``state_dir`` and ``backend`` as they
are in the document, which say where this machine's stores lie.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..broker.session import Address
from ..engine.state.keys import owner_directory
from ..model.errors import HodeiError, InvalidDocument, Kind, Problem
from ..model.secret_name import SecretName
from ..model.settings import resolve
from ..model.store import Retrieved, Store, Which


class StoreSession:
    """A session on a store of ours."""

    expires_at: float | None = None

    def __init__(self, store: Store, identity: Address) -> None:
        self.identity = identity
        self._store = store

    def login(self) -> None:
        """Open the store, so that a wrong key is told once for all."""
        self._store.fingerprint()

    def read(self, name: SecretName, which: Which) -> Retrieved:
        """Read from the store."""
        return self._store.get(name, which)

    def use(self, name: SecretName, which: Which, by: Mapping[str, str], take: Callable[[], Retrieved]) -> Retrieved:
        """Give a value to somebody. Access rules and audit go here."""
        return take()

    def close(self) -> None:
        """Close the store, and forget its keys."""
        self._store.close()


def open_session(address: Address) -> StoreSession:
    """Return a session; opens nothing yet. Raises InvalidDocument, HodeiError(configuration)."""
    name, config, place = address["store"], dict(address["config"] or {}), _owners_place(address)
    identity = {"store": name, "config": config, "place": str(place)}
    return StoreSession(_open_store(name, config, place), identity)


def _open_store(name: str, config: Mapping[str, Any], place: Path) -> Store:
    from ..stores.local.sources import key_source
    from ..stores.local.store import FILE, LocalStore

    if config.get("type", "local") != "local":
        raise HodeiError(Kind.CONFIGURATION, f"there is no type of store {config['type']!r}", where=f"stores.{name}")
    home = Path(config.get("path") or place / "stores" / name).expanduser()
    return LocalStore(home / FILE, key_source(config.get("key") or {"file": str(home / "store.key")}), read_only=True)


def _owners_place(address: Address) -> Path:
    """Return the directory of the owner, as ``session.state_directory`` does."""
    owner = resolve("owner", None, address["owner"], os.environ).value
    if not owner:
        hint = "set hodei_owner: whose fleet this is, such as ci-prod"
        raise InvalidDocument([Problem("owner", "the owner is missing", hint)])
    path = (address["backend"] or {}).get("path")
    if path:
        return Path(os.path.abspath(os.path.expanduser(path)))
    return owner_directory(owner, resolve("state_dir", None, address["state_dir"], os.environ).value)
