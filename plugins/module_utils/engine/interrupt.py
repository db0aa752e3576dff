# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping early without losing anything: a flag that signals or a dead parent raise."""

from __future__ import annotations


class Stop:
    """A request to start nothing new. ``hard`` asks to stop waiting for what is in flight as well.

    Plain attributes, no lock: a signal handler may run in the middle of anything, and must never wait.
    """

    def __init__(self) -> None:
        self.reason = ""
        self.hard = False
        self._asked = False

    def request(self, reason: str) -> None:
        """Ask to stop; the first reason is kept, asking twice makes it hard."""
        self.hard = self.hard or self._asked
        self._asked = True
        self.note(reason)

    def note(self, reason: str) -> None:
        """Stop for a reason that nobody's patience hangs on: one Ctrl-C is also the death of those who started us."""
        self.reason = self.reason or reason or "interrupted"

    def is_set(self) -> bool:
        """Tell whether somebody asked to stop."""
        return bool(self.reason)
