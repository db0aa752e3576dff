# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which provider a worker runs on, and which store a secret lies in, where a document may leave it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .entries import Entry
from .errors import Problem


def choose(
    entries: Sequence[Entry], what: str, written: Any, valid: Iterable[str], problems: list[Problem], *, deleting: bool
) -> list[str]:
    """Return what each entry's field ``what`` (provider or store) says, or the only one there is; add a problem for each without one.

    ``written`` are those that the document configures, ``valid`` those of them without a mistake, which counts where nothing is written.
    """
    names = list(written) if isinstance(written, dict) and written else list(valid)
    chosen = []
    for entry in entries:
        name = entry.worker.get(what) or (names[0] if len(names) == 1 else "")
        chosen.append(name)
        if name in names or (deleting and not name):
            continue
        if name:
            import difflib

            close = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {close[0]}?" if close else f"configured: {', '.join(names) or 'none'}"
            problem = Problem(entry.place.under((what,)), f"there is no {what} '{name}'", hint, entry.place.source)
        else:
            hint = f"write one of {', '.join(names)}"
            problem = Problem(entry.place.path, f"'{what}' is missing, and there are several", hint, entry.place.source)
        problems.append(problem)
    return chosen
