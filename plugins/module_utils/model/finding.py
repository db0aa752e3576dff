# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an examination finds: one sentence about one thing, how bad it is, and the cure."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from .errors import HodeiError, InvalidDocument


class Level(str, Enum):
    """How bad it is: as it should be, worth knowing, or in the way of a converge."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """One thing that was looked at. ``area`` groups findings (``state``, ``lease``, ``provider local``); no text may hold a secret."""

    area: str
    level: Level
    message: str
    cure: str = ""


def ok(area: str, message: str) -> Finding:
    """Return a finding about something that is as it should be."""
    return Finding(area, Level.OK, message)


def warning(area: str, message: str, cure: str = "") -> Finding:
    """Return a finding that somebody should know."""
    return Finding(area, Level.WARNING, message, cure)


def problem(area: str, message: str, cure: str = "") -> Finding:
    """Return a finding that is in the way."""
    return Finding(area, Level.PROBLEM, message, cure)


def findings_of(area: str, error: HodeiError) -> list[Finding]:
    """Return an error as findings: each problem of a document is one of its own."""
    if isinstance(error, InvalidDocument):
        return [
            problem(area, ": ".join(part for part in (one.source, one.path, one.message) if part), one.hint)
            for one in error.problems
        ]
    message = f"{error.where}: {error.message}" if error.where else error.message
    return [problem(area, message, error.hint)]
