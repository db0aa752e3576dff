# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named places on the way of an apply where a test may kill the process (tests/faults). Nothing in production."""

from __future__ import annotations

from collections.abc import Callable


def _pass(name: str) -> None:
    """Do nothing: no test is watching."""


_hook: Callable[[str], None] = _pass


def install(hook: Callable[[str], None]) -> None:
    """Have ``hook(name)`` called at each failpoint from now on (tests only)."""
    global _hook
    _hook = hook


def hit(name: str) -> None:
    """Pass a failpoint."""
    _hook(name)
