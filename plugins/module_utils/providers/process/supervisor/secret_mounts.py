# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of workers as they lie on this machine: in memory where that can be, each worker's in a place that it can only read.

``secrets`` in the owner's directory is a link to a directory whose name nobody can foresee, so that nobody makes it before us::

    TOKEN/              a worker's, by its token: ours to write, its group's to pass
    TOKEN/current       a link to the version that counts; to here leads what the worker has as HODEI_SECRETS_DIR
    TOKEN/VERSION       a directory with all its files and volumes as they were delivered together; never written again
    TOKEN/VERSION.env   the variables that came with them; ours alone

So one rename changes all that a worker has, and who has opened a directory of it goes on reading that. No value is anywhere else,
and none outlives the machine's running: a record knows versions only.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any

from . import memory
from .delivery import Place
from .dirs import ensure, make_path, open_directory, passable, remove_file
from .drift import owner_of
from .exchange import Exchange, write_new
from .failpoint import reach
from .procfs import boot_id
from .record import Record
from .removal import remove_tree
from .request_secrets import ENV, HOME_DIR, Given, at_home, lies
from .wire import SECRETS_NAME, RefusedError

_CURRENT = "current"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Mounts:
    """What workers were given. ``path`` is where that lies; empty before the first delivery."""

    def __init__(self, path: str, owner: int, places: Sequence[str] | None = None) -> None:
        """``path`` and ``owner`` (its descriptor) are the owner's directory; ``places`` are asked for memory."""
        self.path = ""
        self._home, self._owner = path, owner
        self._places = memory.places() if places is None else places
        self._base = -1
        self._open()

    def close(self) -> None:
        """Give back the descriptor."""
        if self._base >= 0:
            os.close(self._base)
        self.path, self._base = "", -1

    # ---- what is there -------------------------------------------------------------------------------------------

    def seen(self, record: Record) -> dict[str, str]:
        """Return the versions of what a worker has, by what names its mounts: those that are really there.

        In the environment of one that runs is what it has started with.
        """
        there = {key: str(held[0]) for key, held in record.secrets.items() if self._has(record.token, key)}
        if record.began_with is None:
            return there
        return {key: version for key, version in there.items() if not is_env(key)} | record.began_with

    def check(self, record: Record) -> None:
        """Raise RefusedError when a worker that is to start would lack a secret."""
        lost = [key for key in record.secrets if not self._has(record.token, key)]
        if lost:
            shown = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
            raise RefusedError(
                "conflict",
                f"its secrets are not there any more ({shown}): the machine was started again, or somebody has deleted them; "
                "the next converge delivers them and starts it",
                "Converge.",
            )

    def env(self, record: Record) -> dict[str, str]:
        """Return the secret variables of a worker. Raises RefusedError when they are gone."""
        if not any(map(is_env, record.secrets)):
            return {}
        self.check(record)
        try:
            version = os.readlink(f"{record.token}/{_CURRENT}", dir_fd=self._base)
            data = next(_contents([f"{record.token}/{version}.env"], self._base))
        except OSError as error:
            raise RefusedError("conflict", f"its secrets cannot be read: {error.strerror}", "Converge.") from error
        found: dict[str, str] = json.loads(data)
        return found

    def texts(self, record: Record) -> list[str]:
        """Return what of a worker's secrets could show in its output, line by line; what cannot be read is left out."""
        found: list[str] = []
        with suppress(OSError, RefusedError):
            found += self.env(record).values()
        for key in record.secrets:
            with suppress(OSError):
                found += [data.decode(errors="replace") for data in self._files(record.token, key)]
        return [line for one in found for line in one.splitlines()]

    def links(self, record: Record) -> dict[str, str]:
        """Return the links that a worker has in its own directory, and where each leads."""
        if not record.secrets:
            return {}
        place = os.path.join(self.path, record.token, _CURRENT)
        return {SECRETS_NAME: place} | {file: f"{place}/{HOME_DIR}/{file}" for file in at_home(record.secrets)}

    def _has(self, token: str, key: str) -> bool:
        try:
            os.stat(f"{token}/{_CURRENT}/{lies(key)}", dir_fd=self._base)
        except OSError:
            return False
        return True

    def _files(self, token: str, key: str) -> Iterator[bytes]:
        """Read a file, or each of a volume; nothing of a variable."""
        path = f"{token}/{_CURRENT}/{lies(key)}"
        if key.startswith("volume."):
            directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._base)
            try:
                yield from _contents(os.listdir(directory), directory)
            finally:
                os.close(directory)
        elif not is_env(key):
            yield from _contents([path], self._base)

    # ---- giving --------------------------------------------------------------------------------------------------

    def prepare(
        self, exchange: Exchange, before: Record, after: Record, given: Sequence[Given], user: tuple[int, int]
    ) -> set[str]:
        """Let a worker have these secrets, and no others, when an exchange is done; what it has already stays as it is.

        ``user`` is who the worker runs as. Returns the keys of what changes. Raises RefusedError; nothing has changed then.
        """
        after.secrets = {one.key: one.mark for one in given}
        there = {key for key in before.secrets if self._has(before.token, key)}
        changed = {key for key, held in after.secrets.items() if before.secrets.get(key) != held or key not in there}
        changed |= before.secrets.keys() - after.secrets.keys()
        if changed and given:
            try:
                self._write(exchange, after.token, given, user)
            except OSError as error:
                kind = "resource_exhausted" if error.errno in _NO_ROOM else "internal"
                text = (
                    f"the worker's secrets cannot be written below {self.path}: {error.strerror}; nothing was changed"
                )
                raise RefusedError(kind, text, "Make room there." if error.errno in _NO_ROOM else "") from error
        return changed

    def _write(self, exchange: Exchange, token: str, given: Sequence[Given], user: tuple[int, int]) -> None:
        """Write another version, and prepare the link to it."""
        base = self._demand()
        os.close(ensure(token, 0o700, base))
        gate = exchange.keep(open_directory(token, base))
        _pass(gate, user)
        name = secrets.token_hex(4)
        version = exchange.keep(ensure(name, 0o700, gate))
        for one in given:
            if one.way != "env":
                _place(one, version, user)
        variables = {one.place: one.values[""].decode() for one in given if one.way == "env"}
        if variables:
            write_new(f"{name}.env", gate, json.dumps(variables).encode(), 0o600)
        _pass(version, user)
        reach("secrets written")
        exchange.prepare_link(gate, _CURRENT, name)

    def sweep(self, record: Record, *, reading: bool = False) -> None:
        """Delete what a worker has no more; while somebody may be ``reading``, not yet the directories of versions."""
        if not record.secrets:
            self.remove(record.token)
            return
        try:
            gate = open_directory(record.token, self._base)
        except OSError:
            return
        try:
            current = os.readlink(_CURRENT, dir_fd=gate)
            for name in os.listdir(gate):
                is_version = stat.S_ISDIR(os.lstat(name, dir_fd=gate).st_mode)
                if name not in (_CURRENT, current, f"{current}.env") and not (reading and is_version):
                    remove_tree(name, gate)
        except FileNotFoundError:
            return
        finally:
            os.close(gate)

    def remove(self, token: str) -> None:
        """Delete all that a worker has, and with the last one their place; nothing is fine. Raises OSError."""
        if self._base >= 0:
            remove_tree(token, self._base)
            self._leave()

    # ---- the place -----------------------------------------------------------------------------------------------

    def keep_only(self, tokens: Collection[str]) -> None:
        """Delete what belongs to no worker any more, and what was on the disk at an earlier boot."""
        for name in os.listdir(self._owner):
            if name.startswith(f"{SECRETS_NAME}-") and name != on_disk():
                remove_tree(name, self._owner)
        if self._base >= 0:
            for name in os.listdir(self._base):
                if name not in tokens:
                    remove_tree(name, self._base)

    def leave(self) -> None:
        """Delete all of it."""
        self.keep_only(())
        self._leave()

    def _leave(self) -> None:
        """Give up a place that is empty."""
        try:
            os.rmdir(self.path)
        except OSError:
            return
        remove_file(SECRETS_NAME, self._owner)
        self.close()

    def _demand(self) -> int:
        """Open the place of all secrets, made anew where there is none. Raises OSError."""
        if self._base >= 0 and os.fstat(self._base).st_nlink == 0:
            self.close()  # somebody has deleted it
        if self._base < 0:
            memory_place = memory.find(self._places)
            name = os.path.join(memory_place, f"hodei-{secrets.token_hex(8)}") if memory_place else on_disk()
            os.close(ensure(name, passable(), self._owner))
            draft = f".{SECRETS_NAME}.new"
            remove_file(draft, self._owner)
            os.symlink(name, draft, dir_fd=self._owner)
            os.rename(draft, SECRETS_NAME, src_dir_fd=self._owner, dst_dir_fd=self._owner)
            self._open()
        return self._base

    def _open(self) -> None:
        """Open the place that the link names, if it is ours and of this boot."""
        try:
            name = os.readlink(SECRETS_NAME, dir_fd=self._owner)
            if not os.path.isabs(name) and name != on_disk():
                return  # on a disk they would outlive the boot
            fd = open_directory(name, self._owner)
        except OSError:
            return
        found = os.fstat(fd)
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            os.close(fd)
            return
        self.path, self._base = os.path.join(self._home, name), fd


def is_env(key: str) -> bool:
    """Tell whether what is given so is a variable."""
    return key.startswith(ENV)


def on_disk() -> str:
    """Name the place of secrets in the owner's directory where nothing is in memory."""
    return f"{SECRETS_NAME}-{boot_id()}"


def _place(one: Given, version: int, user: tuple[int, int]) -> None:
    """Write a file, or a volume with all its files. Raises OSError."""
    owner = owner_of(one.owner, Place(-1, *user))
    parent, _unused, name = lies(one.key).rpartition("/")
    directory = make_path(parent, version, os.geteuid(), os.getegid()) if parent else os.dup(version)
    try:
        if one.way == "file":
            write_new(name, directory, one.values[""], one.mode, owner)
            return
        volume = ensure(name, 0o700, directory)
        try:
            for file, data in one.values.items():
                write_new(file, volume, data, one.mode & 0o666, owner)
            _give(volume, owner, one.mode)
        finally:
            os.close(volume)
    finally:
        os.close(directory)


def _pass(directory: int, user: tuple[int, int]) -> None:
    """Let a worker of another user look into a directory that stays ours."""
    if user[0] != os.geteuid():
        _give(directory, (os.geteuid(), user[1]), 0o750)


def _give(fd: int, owner: tuple[int, int], mode: int) -> None:
    if owner != (os.geteuid(), os.getegid()):
        os.fchown(fd, *owner)
    os.fchmod(fd, mode)


def _contents(names: Sequence[str], directory: int) -> Iterator[Any]:
    """Read files that are no links."""
    for name in names:
        with open(os.open(name, _READ, dir_fd=directory), "rb") as file:
            yield file.read()
