# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a doctor writes down: findings, one never hiding another, and the table that people read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...model.errors import HodeiError
from ...model.finding import Finding, Level, findings_of, problem


class Chart:
    """Collects findings. Whatever a check raises becomes a finding too, and the next check runs all the same."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def note(self, area: str, found: Iterable[Finding]) -> None:
        """Write down what a check finds; it may be a generator that fails on its way."""
        try:
            for one in found:
                self.findings.append(one)
        except HodeiError as error:
            self.findings += findings_of(area, error)
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            self.findings.append(
                problem(
                    area,
                    f"it could not be examined: {error.strerror or type(error).__name__}{place}",
                    "Look at that place as the user that runs the task.",
                )
            )
        except Exception as error:  # noqa: BLE001 - one finding must not hide another; the text of a bug may hold a secret
            self.findings.append(
                problem(
                    area,
                    f"it could not be examined: internal error ({type(error).__name__})",
                    "This is a bug of hodei.workers: please report it.",
                )
            )


def concluded(findings: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return what findings come to: the worst of them, how many there are of each level, and the table.

    What is about the same area stands together, in the order in which the areas were come upon.
    """
    order = {area: number for number, area in enumerate(dict.fromkeys(one["area"] for one in findings))}
    ordered = sorted(findings, key=lambda one: order[one["area"]])
    totals = {level.value: sum(one["level"] == level.value for one in ordered) for level in Level}
    verdict = next((level for level in reversed(list(totals)) if totals[level]), Level.OK.value)
    return {
        "findings": ordered,
        "verdict": verdict,
        "totals": totals,
        "summary": _summary(totals),
        "table": table(ordered),
    }


def rows(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Return findings in their JSON form."""
    return [
        {"area": one.area, "level": one.level.value, "message": _flat(one.message), "cure": _flat(one.cure)}
        for one in findings
    ]


def table(findings: Sequence[Mapping[str, str]]) -> str:
    """Render findings as text: one line each, the cure below, what belongs together in one place."""
    width = max((len(one["area"]) for one in findings), default=0)
    lines, before = [], ""
    for one in findings:
        area = "" if one["area"] == before else one["area"]
        before = one["area"]
        lines.append(f"{one['level']:<8} {area:<{width}}  {one['message']}")
        if one["cure"]:
            lines.append(f"{'':<8} {'':<{width}}  -> {one['cure']}")
    return "\n".join(lines) + "\n"


def _summary(totals: Mapping[str, int]) -> str:
    """Say it in one line, the worst first."""
    bad = [(level, totals[level]) for level in reversed(list(totals)) if level != Level.OK.value and totals[level]]
    said = [f"{count} {level}{'s' if count > 1 else ''}" for level, count in bad]
    return ", ".join([*said, f"{totals['ok']} ok"]) if said else f"all is well ({totals['ok']} ok)"


def _flat(text: str) -> str:
    """Keep a finding to one line, and show what a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
