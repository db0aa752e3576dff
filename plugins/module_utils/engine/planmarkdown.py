# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as Markdown, for a comment on a merge request; pure.

Whatever comes from a document or from the world stands in a fenced block, where it is neither a link, nor HTML, nor the mention
of a person. Values are those of the text form, so none is secret.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from ..model.change import Plan
from .plantext import IN_THE_WAY, SIGNS, TO_DO, plan_sections, totals_text

#: What GitHub takes as one comment; GitLab takes a million.
LIMIT = 65_536
_LONGEST_LINE = 1_000
#: These come first, and unfolded.
_ORDER = {IN_THE_WAY: 0, TO_DO: 1}


def plan_markdown(plan: Plan, limit: int = LIMIT) -> str:
    """Render a plan in at most ``limit`` bytes: the totals first, then one collapsible part for each section of the text.

    What stands in the way comes first, then what will be done; what does not fit is left out at the end, and a note says so.
    """
    parts, missing = [_heading(plan)], 0
    left = limit - len(parts[0].encode()) - len(_note(10**9).encode())
    for title, lines in sorted(plan_sections(plan), key=lambda section: _ORDER.get(section[0], len(_ORDER))):
        part, shown = _part(title, [_line(line) for line in lines], left)
        missing += len(lines) - shown
        if shown:
            left -= len(part.encode()) + 1
            parts.append(part)
    if missing:
        parts.append(_note(missing))
    return "\n".join(parts)


def _note(missing: int) -> str:
    lines = "1 line did" if missing == 1 else f"{missing} lines did"
    return f"*{lines} not fit in here. The playbook `hodei.workers.plan` shows the whole plan.*\n"


def _heading(plan: Plan) -> str:
    """Return the totals, as a sentence and, where something is to be done, as a table."""
    sentence = totals_text(plan).partition(": ")[2]
    text = f"### Plan for <code>{html.escape(plan.owner)}</code>\n\n**{sentence}**\n"
    counts = plan.totals()
    rows = [f"| `{SIGNS[one]}` | {one.value} | {counts[one.value]} |" for one in SIGNS if counts[one.value]]
    if rows:
        text += "\n".join(["", "| | Action | Workers |", "|---|---|---:|", *rows, ""])
    if plan.problems:
        text += "\n**A converge would refuse to start.**\n"
    return text


def _part(title: str, lines: Sequence[str], room: int) -> tuple[str, int]:
    """Return one collapsible part of at most ``room`` bytes, and how many lines it has.

    The fence is longer than any in the lines, so that no line can end it.
    """
    longest = max((len(found) for line in lines for found in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    opened = " open" if title in _ORDER else ""

    def part(shown: Sequence[str]) -> str:
        size = "" if len(shown) == len(lines) else f" ({len(shown)} of {len(lines)} lines)"
        head = [f"<details{opened}><summary>{title}{size}</summary>", "", f"{fence}diff"]
        return "\n".join([*head, *shown, fence, "", "</details>", ""])

    room -= len(part(()).encode()) + 1
    shown = 0
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        shown += 1
    return part(lines[:shown]), shown


def _line(line: str) -> str:
    """Return a line of the text form without its margin, so that a diff's colours show what comes and what goes."""
    line = "".join(char if char.isprintable() else " " for char in line.removeprefix("  "))
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} ..."
