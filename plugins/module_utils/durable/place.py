# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuses places where state would vanish, or where a database cannot be locked.

A false refusal costs one word in the document (``allow_ephemeral``); a false acceptance loses the state silently. So what is
temporary by its definition is refused, even where it happens to lie on a disk: systemd-tmpfiles deletes what was untouched for
10 days in /tmp and for 30 in /var/tmp (tmpfiles.d(5)), and a fleet's key is touched once in its life.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ..model.errors import Problem

# SQLite in WAL mode needs memory shared by all its processes and working locks: https://sqlite.org/wal.html.
_NETWORK = re.compile(
    r"9p|acfs|afp|afs|beegfs|ceph|cifs|coda|davfs|gfs2?|glusterfs|gpfs|lustre|ncpfs|nfs4?|ocfs2|orangefs|pvfs2|smb3|smbfs"
    r"|fuse\.(ceph|davfs2|gcsfuse|glusterfs|mount\.blobfuse|rclone|s3fs|sshfs)"
)
_MEMORY = frozenset(("tmpfs", "ramfs", "devtmpfs"))
_LAYERS = frozenset(("overlay", "aufs", "fuse.fuse-overlayfs"))
_TEMPORARY = ("/tmp", "/var/tmp", "/run", "/dev/shm", "/private/tmp", "/private/var/tmp", "/private/var/folders")  # noqa: S108
#: Directories that a CI system makes for one job, by the variable that names them.
_JOB_DIRECTORIES = (
    "GITHUB_WORKSPACE",
    "RUNNER_TEMP",
    "RUNNER_WORKSPACE",
    "CI_PROJECT_DIR",
    "AGENT_BUILDDIRECTORY",
    "BITBUCKET_CLONE_DIR",
    "BUILDKITE_BUILD_CHECKOUT_PATH",
    "CIRCLE_WORKING_DIRECTORY",
    "DRONE_WORKSPACE",
    "TRAVIS_BUILD_DIR",
    "TMPDIR",
)


class Mount(NamedTuple):
    """One line of mountinfo: which part of which file system (``root``) is seen where (``point``)."""

    root: str
    point: str
    type: str


def problem_of_place(path: str | os.PathLike[str]) -> Problem | None:
    """Say why state must not lie at a path, which need not exist yet; None when it may."""
    why = reason_against(path)
    return _problem(os.path.realpath(path), why) if why else None


def reason_against(path: str | os.PathLike[str]) -> str:
    """Say why nothing that is to last may lie at a path, which need not exist yet; empty when it may. It is the end of a sentence."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        mounts = ""  # not Linux: the names of directories have to do
    container = any(os.path.exists(mark) for mark in ("/.dockerenv", "/run/.containerenv"))
    return judged(os.path.realpath(path), mounts, os.environ, container=container)


def is_in_memory(path: str) -> bool:
    """Tell whether a directory lies on a file system that is never on a disk; not where this cannot be known."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return False
    return _mount_of(os.path.realpath(path), mounts).type in ("tmpfs", "ramfs")


def judged(path: str, mountinfo: str, environ: Mapping[str, str], *, container: bool = False) -> str:
    """Judge an absolute path by the text of /proc/self/mountinfo, the environment, and whether we are in a container."""
    mount = _mount_of(path, mountinfo)
    if _NETWORK.fullmatch(mount.type):
        return f"lies on a network file system ({mount.type} at {mount.point}), where its locks do not hold"
    return _vanishes(path, mount, container) or _job_directory(path, environ)


def _vanishes(path: str, mount: Mount, container: bool) -> str:
    if mount.type in _MEMORY:
        return f"lies in memory ({mount.type} at {mount.point}) and vanishes with the next boot"
    if mount.type in _LAYERS or (container and mount.point == "/"):
        return f"lies in the layer of a container ({mount.type or 'file system'} at {mount.point}) and vanishes with it"
    if "/kubernetes.io~empty-dir/" in f"{mount.root}/":
        return f"lies in an emptyDir volume (at {mount.point}) and vanishes with its pod"
    origin = os.path.normpath(mount.root + "/" + os.path.relpath(path, mount.point))  # what a bind mount really shows
    temporary = next((place for place in _TEMPORARY if _inside(path, place) or _inside(origin, place)), "")
    return f"lies under {temporary}, which the system cleans" if temporary else ""


def _job_directory(path: str, environ: Mapping[str, str]) -> str:
    for name in _JOB_DIRECTORIES:
        if environ.get(name) and _inside(path, os.path.realpath(environ[name])):
            return f"lies under ${name}, which belongs to one job and vanishes with it"
    return ""


def _problem(path: str, why: str) -> Problem:
    return Problem(
        path="backend.path",
        message=f"the state {path} {why}",
        hint="set hodei_state_dir, HODEI_STATE_DIR or backend.path to a directory that stays, on a local disk; or allow it where "
        "losing it is fine, as in a container to try things: hodei_backend: {allow_ephemeral: true}",
    )


def _mount_of(path: str, mountinfo: str) -> Mount:
    """Return the mount that a path lies on: the longest mount point, of equal ones the last, which covers the others."""
    best = Mount("/", "/", "")
    for mount in _mounts(mountinfo):
        if _inside(path, mount.point) and len(mount.point) >= len(best.point):
            best = mount
    return best


def _mounts(mountinfo: str) -> Iterator[Mount]:
    """Parse mountinfo (proc_pid_mountinfo(5)): the type stands behind a lone dash."""
    for line in mountinfo.splitlines():
        before, _unused, after = line.partition(" - ")
        fields, tail = before.split(" "), after.split(" ")
        if len(fields) > 4 and tail[0]:
            yield Mount(_unescaped(fields[3]), _unescaped(fields[4]), tail[0])


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _inside(path: str, directory: str) -> bool:
    return directory == "/" or path == directory or path.startswith(directory.rstrip("/") + "/")
