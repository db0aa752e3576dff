# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker's own directory, with its volumes, its files and its log; made by the worker's process before it is the worker's."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from .delivery import Place, put_missing, read_kept
from .dirs import make_owned, make_path, open_directory, passable, remove_file
from .logs import open_log
from .wire import LOGS_DIR, RECORDS_DIR, VOLUMES_DIR, WORKERS_DIR


class Home(NamedTuple):
    """What to make: ``path`` is the owner's directory, ``uid`` and ``gid`` whom the worker's own is given to; ``log`` is whose log
    is opened, ``files`` whose files are put there, ``links`` are those that lead to its secrets.
    """

    path: str
    worker: str
    uid: int
    gid: int
    volumes: Sequence[Mapping[str, Any]]
    log: str
    files: str = ""
    links: Mapping[str, str] = MappingProxyType({})


def prepare(home: Home) -> int:
    """Make it, what is there already stays, and return the log. Raises OSError."""
    owner = open_directory(home.path)
    workers = open_directory(WORKERS_DIR, owner)
    own = make_owned(home.worker, workers, home.uid, home.gid)
    for volume in home.volumes:
        _make_volume(volume, own, owner, home)
    if home.files:
        put_missing(Place(own, home.uid, home.gid), read_kept(home.files, open_directory(RECORDS_DIR, owner)))
    for path, target in home.links.items():
        parent, _unused, name = path.rpartition("/")
        point(name, target, make_path(parent, own, home.uid, home.gid) if parent else own)
    return open_log(home.log, open_directory(LOGS_DIR, owner))


def _make_volume(volume: Mapping[str, Any], own: int, owner: int, home: Home) -> None:
    """An empty volume is a directory; a named or a host one is a link to where it really is."""
    path, kind, target = volume["path"], volume["type"], volume["source"]
    if kind == "empty":
        make_path(path, own, home.uid, home.gid, volume["mode"])
        return
    if kind == "named":
        volumes = make_owned(VOLUMES_DIR, owner, os.geteuid(), os.getegid(), passable())
        make_owned(target, volumes, home.uid, home.gid)
        target = os.path.join(home.path, VOLUMES_DIR, target)
    parent, _unused, name = path.rpartition("/")
    directory = make_path(parent, own, home.uid, home.gid) if parent else own
    try:
        os.symlink(target, name, dir_fd=directory)
    except FileExistsError:
        # What is no link stays; one to a named volume follows the owner's directory, whose path may have changed.
        if kind == "named" and stat.S_ISLNK(os.lstat(name, dir_fd=directory).st_mode):
            point(name, target, directory)


def point(name: str, target: str, directory: int) -> None:
    """Let a link lead to something, and take the place of what is there, unless that is a directory. Raises OSError."""
    try:
        if os.readlink(name, dir_fd=directory) == target:
            return
    except OSError:
        pass  # nothing is there, or no link
    draft = f".{name}.{os.getpid()}"
    remove_file(draft, directory)
    os.symlink(target, draft, dir_fd=directory)
    os.rename(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
