# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of type local made from its configuration, and what has to be there before its first use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...durable.sources import outside
from ...model.credential import Credential
from ...model.errors import HodeiError, Kind
from ...model.store import Borrow, Seen
from .fields import KEY_FILE
from .sources import create_key_file, key_source
from .store import FILE, LocalStore


def local_store(
    config: Mapping[str, Any], home: Path, *, read_only: bool, seen: Seen | None, borrow: Borrow | None = None
) -> LocalStore:
    """Return the store; opens nothing. Raises HodeiError(configuration)."""
    directory = _directory(config, home)
    return LocalStore(
        directory / FILE,
        key_source(_key(config, directory)),
        old_keys=[key_source(one) for one in config.get("old_keys", ())],
        read_only=read_only,
        seen=seen,
        most_bytes=config["most_bytes"],
        most_versions=config["most_versions"],
        borrow=borrow,
    )


def found_local_store(config: Mapping[str, Any], home: Path, *, look_only: bool) -> list[str]:
    """Make the key file and the store where neither is there, or bring a store under another key. A key is never made for a store that
    has lost its own.

    Raises HodeiError(configuration).
    """
    directory = _directory(config, home)
    file = directory / FILE
    there = file.exists() and file.stat().st_size > 0
    key_file = key_file_of(config, home)
    lacks_key = bool(key_file) and not os.path.lexists(key_file)
    if lacks_key and there:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"there are secrets in {directory}, but their key {key_file} is missing",
            hint="Restore the key from where you keep its copy: with another one nobody can read them. Where it is to be another one, "
            "make it first (umask 077; openssl rand -base64 32 > FILE), and name the one before under old_keys.",
        )
    if look_only and not there:
        return (["key"] if lacks_key else []) + ["store"]
    if lacks_key:
        create_key_file(Path(key_file))
    made = ["key"] if lacks_key else []
    store = local_store(config, home, read_only=look_only, seen=None)
    try:
        if there:
            return [*made, *_rekeyed(store, config, look_only=look_only)]
        # Beside the state it may lie wherever that may, and that was looked at.
        store.initialise(allow_ephemeral=not config.get("path") or config["allow_ephemeral"])
        made.append("store")
    except HodeiError as error:
        if error.kind is not Kind.ALREADY_EXISTS:
            raise
    finally:
        store.close()
    return made


def _rekeyed(store: LocalStore, config: Mapping[str, Any], *, look_only: bool) -> list[str]:
    """Bring a store under its key for which others are named; says so when there was something to do."""
    if not config.get("old_keys") or store.is_rekeyed():
        return []
    if not look_only:
        store.rekey()
    return ["another key"]


def place_of(config: Mapping[str, Any], home: Path) -> Path:
    """Return the file of a store."""
    return _directory(config, home) / FILE


def key_file_of(config: Mapping[str, Any], home: Path) -> str:
    """Return the file that holds a store's key; empty where the key is elsewhere."""
    key = _key(config, _directory(config, home))
    return key.file if isinstance(key, Credential) else ""


def _directory(config: Mapping[str, Any], home: Path) -> Path:
    return Path(os.path.abspath(os.path.expanduser(config["path"]))) if config.get("path") else home


def _key(config: Mapping[str, Any], directory: Path) -> Credential | Mapping[str, Credential]:
    """Return where the key comes from; a file beside the store unless it is said."""
    found: Credential | Mapping[str, Credential] = config.get("key") or outside({"file": str(directory / KEY_FILE)})
    return found
