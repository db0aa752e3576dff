# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs: one file per worker that the worker itself appends to, so that no supervisor stands in the way.

Rotation copies the file and truncates it, because the worker's descriptor cannot be changed: what it writes between the
two is lost (a few lines at worst, documented). Beside each log lies an index, one entry per second in which the log
grew, so that a reader can find a time without timestamps in the text. The reading side is providers/process/logs.py.
"""

from __future__ import annotations

import os
import struct

from .dirs import exists, remove_file

#: Unix seconds, and the length of the log at that time.
INDEX_ENTRY = struct.Struct("<QQ")
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 20


def log_name(worker: str, old: int = 0) -> str:
    """Name a worker's log; ``old`` counts rotations, 1 being the latest."""
    return f"{worker}.log.{old}" if old else f"{worker}.log"


def index_name(worker: str, old: int = 0) -> str:
    """Name the index of that log."""
    return f"{worker}.idx.{old}" if old else f"{worker}.idx"


def open_log(worker: str, directory: int) -> int:
    """Open a worker's log for appending."""
    return os.open(log_name(worker), _APPEND, 0o600, dir_fd=directory)


class Keeper:
    """Keeps index and size of the logs; looks at each once a second."""

    def __init__(self, directory: int) -> None:
        self._directory = directory
        self._sizes: dict[str, int] = {}

    def tick(self, worker: str, now: float, max_size: int, max_files: int) -> None:
        """Note what a log has grown to, and rotate it when it is too long. Raises OSError."""
        try:
            size = os.stat(log_name(worker), dir_fd=self._directory, follow_symlinks=False).st_size
        except FileNotFoundError:
            return
        if size == self._sizes.get(worker, 0):
            return
        self._sizes[worker] = size
        fd = os.open(index_name(worker), _APPEND, 0o600, dir_fd=self._directory)
        try:
            os.write(fd, INDEX_ENTRY.pack(int(now), size))
        finally:
            os.close(fd)
        if size > max_size:
            self._rotate(worker, max_files)

    def _rotate(self, worker: str, max_files: int) -> None:
        """Shift the old files by one and start anew; ``max_files`` counts the current one."""
        directory = self._directory
        oldest = max(1, max_files - 1)
        for name in (log_name, index_name):
            for old in range(oldest - 1, 0, -1):
                _rename(name(worker, old), name(worker, old + 1), directory)
        if max_files > 1:
            _copy(log_name(worker), log_name(worker, 1), directory)
            _rename(index_name(worker), index_name(worker, 1), directory)
        else:
            remove_file(index_name(worker), directory)
        fd = os.open(log_name(worker), os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            os.ftruncate(fd, 0)
        finally:
            os.close(fd)
        self._sizes[worker] = 0

    def rename(self, worker: str, new: str) -> None:
        """Give all of a worker's logs the name of another."""
        self._sizes[new] = self._sizes.pop(worker, 0)
        for name in (log_name, index_name):
            old = 0
            while old < 2 or exists(name(worker, old), self._directory):
                _rename(name(worker, old), name(new, old), self._directory)
                old += 1

    def forget(self, worker: str) -> None:
        """Delete all of a worker's logs."""
        self._sizes.pop(worker, None)
        for name in (log_name, index_name):
            old = 0
            while old < 2 or exists(name(worker, old), self._directory):
                remove_file(name(worker, old), self._directory)
                old += 1


def tail(worker: str, directory: int, lines: int = 5, most: int = 2000) -> str:
    """Return the last lines of a log as text, for a reason."""
    try:
        fd = os.open(log_name(worker), _READ, dir_fd=directory)
    except FileNotFoundError:
        return ""
    try:
        size = os.fstat(fd).st_size
        data = os.pread(fd, most, max(0, size - most))
    finally:
        os.close(fd)
    return "\n".join(data.decode("utf-8", "replace").strip().splitlines()[-lines:])


def redact(text: str, secrets: list[str]) -> str:
    """Blank out the values of a worker's environment: a program that prints its own must not bring them into results."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    return text


def _copy(source: str, target: str, directory: int) -> None:
    reading = os.open(source, _READ, dir_fd=directory)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        writing = os.open(target, flags, 0o600, dir_fd=directory)
        try:
            offset = 0
            while sent := os.sendfile(writing, reading, offset, _CHUNK):
                offset += sent
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _rename(source: str, target: str, directory: int) -> None:
    try:
        os.rename(source, target, src_dir_fd=directory, dst_dir_fd=directory)
    except FileNotFoundError:
        return
