# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of containers in the memory of this machine, where the Engine is, too: a directory for each container, which it may read."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from ...durable.failpoints import hit
from ...durable.place import is_in_memory
from ...model.errors import HodeiError, Kind
from .packing import Item
from .secret_layout import CURRENT, DIRECTORY, OURS

#: Where memory is looked for, best first.
PLACES = ("/run", "/dev/shm")  # noqa: S108
_NAME = "hodei-secrets"
_SLOT = f"{OURS}new-"
_TRIES = 3
#: What is above is root's alone; what a container sees of it must let its user pass.
_PASSABLE = 0o755


class Memory:
    """Directories for the containers of one owner on one Engine, below a directory that is ours alone.

    A container sees its own through a mount that is read-only, so nobody but root can have changed what is there.
    """

    def __init__(self, owner: str, engine: str) -> None:
        self._owner, self._engine = owner, engine

    @cached_property
    def place(self) -> str:
        """The directory in memory that ours lie in; empty where this machine has none."""
        return next((one for one in PLACES if is_in_memory(one)), "")

    @property
    def _home(self) -> str:
        return os.path.join(self.place, _NAME, self._engine, self._owner)

    def new(self) -> str:
        """Make a directory for a container that is about to be made. Raises HodeiError."""
        path = os.path.join(self._home, uuid.uuid4().hex)
        self._make(path)
        return path

    def mount(self, source: str) -> dict[str, Any]:
        """Return the mount of a directory as the Engine takes it."""
        return {"Type": "bind", "Source": source, "Target": DIRECTORY, "ReadOnly": True}

    @staticmethod
    def is_used() -> bool:
        """Tell whether this machine may have a directory of ours."""
        return any(os.path.isdir(os.path.join(one, _NAME)) for one in PLACES)

    @staticmethod
    def is_ours(mount: Mapping[str, Any]) -> bool:
        """Tell whether a mount of a container is one that we made."""
        return mount["Type"] == "bind" and f"/{_NAME}/" in mount["Source"]

    def is_there(self, source: str) -> bool:
        """Tell whether something was delivered, and still is there."""
        return os.path.exists(os.path.join(source, CURRENT))

    def is_cut_off(self, source: str) -> bool:
        """Tell whether a container that runs cannot be given anything any more: what it sees is another directory, and deleted."""
        return not os.path.isdir(source)

    def write(self, source: str, items: Sequence[Item], tops: Mapping[str, str]) -> str:
        """Have a container see all of this in place of what it saw; what fails changes nothing. Return what it saw, for ``drop``.

        Raises HodeiError.
        """
        if not os.path.isdir(source):
            self._make(source)
        with _told(source):
            before = _current(source)
            slot = tempfile.mkdtemp(prefix=_SLOT, dir=source)
            try:
                for item in items:
                    _write(os.path.join(slot, item.at), item)
                os.chmod(slot, _PASSABLE)
                for name, target in tops.items():
                    if not os.path.islink(os.path.join(source, name)):
                        _link(source, name, target)
                hit("secrets.written")
                _link(source, CURRENT, os.path.basename(slot))
            except BaseException:
                shutil.rmtree(slot, ignore_errors=True)
                raise
            hit("secrets.switched")
            for name in os.listdir(source):
                if not name.startswith(OURS) and name not in tops:
                    _remove(os.path.join(source, name))
        return before

    def drop(self, source: str, slot: str) -> None:
        """Remove what a container saw before. Raises HodeiError."""
        with _told(source):
            if slot != _current(source):
                _remove(os.path.join(source, slot))

    def drop_old(self, source: str) -> None:
        """Remove all that a container saw before. Raises HodeiError."""
        with _told(source):
            for name in os.listdir(source):
                if name.startswith(OURS) and name != CURRENT:
                    self.drop(source, name)

    def empty(self, source: str) -> None:
        """Remove all that a container was given; it can start again. Raises HodeiError."""
        with _told(source):
            for name in os.listdir(source) if os.path.isdir(source) else ():
                _remove(os.path.join(source, name))

    def remove(self, source: str) -> None:
        """Remove a container's directory. Raises HodeiError."""
        with _told(source):
            _remove(source)
        above = source
        for _unused in range(_TRIES):  # of the owner, of the Engine, and all
            above = os.path.dirname(above)
            with contextlib.suppress(OSError):
                os.rmdir(above)

    def sources(self) -> list[str]:
        """List the directories of all containers, those that are gone, too."""
        try:
            return [os.path.join(self._home, name) for name in os.listdir(self._home)]
        except OSError:
            return []

    def _make(self, path: str) -> None:
        base = os.path.join(self.place, _NAME)
        with _told(base):
            with contextlib.suppress(FileExistsError):
                os.mkdir(base, 0o700)
            found = os.lstat(base)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
                raise HodeiError(
                    Kind.CONFIGURATION,
                    f"{base} is not a directory of this user alone, so no secret is put there",
                    hint="See who made it, and remove it.",
                )
            for left in reversed(range(_TRIES)):
                try:
                    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
                    os.mkdir(path)
                    os.chmod(path, _PASSABLE)
                    return
                except FileNotFoundError:  # somebody has just removed the last one beside it
                    if not left:
                        raise


def _current(source: str) -> str:
    """Return what counts; empty before the first delivery."""
    path = os.path.join(source, CURRENT)
    return os.readlink(path) if os.path.islink(path) else ""


def _write(path: str, item: Item) -> None:
    if item.data is None:
        os.mkdir(path, 0o700)
    else:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(item.data)
    os.chown(path, *item.owner)
    os.chmod(path, item.mode)


def _link(source: str, name: str, target: str) -> None:
    """Put a link over what is there, in one step."""
    fresh = os.path.join(source, f"{OURS}link-{uuid.uuid4().hex}")
    os.symlink(target, fresh)
    os.replace(fresh, os.path.join(source, name))


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise HodeiError(
            Kind.RESOURCE_EXHAUSTED if full else Kind.CONFIGURATION,
            f"the secrets of a container cannot be kept in {path}: {error.strerror or error}",
            hint="Make room in memory there." if full else "Or set `secrets_in: volume` of the provider.",
        ) from error
