# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of prctl(2) that Python's standard library does not have."""

from __future__ import annotations

import ctypes
import os

_SET_DUMPABLE = 4
_SET_NAME = 15
_CAPBSET_DROP = 24
_SET_CHILD_SUBREAPER = 36
_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, argument: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def become_subreaper() -> None:
    """Be the parent of every orphan below this process."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def forbid_dumps() -> None:
    """Leave no core, and let nobody without privileges look into this process: secrets pass through it."""
    _prctl(_SET_DUMPABLE, 0)


def forbid_new_privileges() -> None:
    """No program started from here on gains privileges by its file (setuid, capabilities)."""
    _prctl(_SET_NO_NEW_PRIVS, 1)


def drop_capability(number: int) -> None:
    """Take a capability away from every program started from here on."""
    _prctl(_CAPBSET_DROP, number)


def set_name(name: str) -> None:
    """Show this name (15 characters at most) in ps and top."""
    _libc.prctl(_SET_NAME, name.encode()[:15], 0, 0, 0)
