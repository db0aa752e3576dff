# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as people read it: plain text, without control characters, the same on every terminal; pure.

Values appear in the recorded form, so none is secret; those known by their keyed digest only read `(changed)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from ..model.address import Address, parse_address
from ..model.change import Action, Cause, Change, FieldChange, Plan
from ..model.normal import humanise
from ..model.quantities import rough_time
from .difference import hides
from .naming import counted, several

if TYPE_CHECKING:
    from .apply import Result

#: In the order of the totals. A replacement that makes the new one first is `+/-`.
SIGNS = {
    Action.CREATE: "+",
    Action.REPLACE: "-/+",
    Action.UPDATE: "~",
    Action.START: ">",
    Action.RESUME: ">",
    Action.RESTART: ">>",
    Action.PAUSE: "=",
    Action.STOP: "#",
    Action.DELETE: "-",
    Action.RELEASE: "<-",
    Action.MOVE: "=>",
    Action.IMPORT: "<=",
    Action.ADOPT: "@",
    Action.FORGET: "x",
}
#: How many lines of failures a message has; the result holds all of them.
_TOLD = 20
#: Titles that others know: what a converge does, and what makes it refuse to start.
TO_DO = "What will be done"
IN_THE_WAY = "In the way, so that nothing at all can be done"
_STATE_ONLY = (Action.ADOPT, Action.FORGET)
#: So many lines of equal changes are shown, the rest is counted: the JSON form has them all.
_SHOWN = 20
_WIDE = 44
_LONG = 100

Thing = TypeVar("Thing")


def plan_text(plan: Plan) -> str:
    """Render a plan: what changed from outside, what will be done and why, what is left alone and why, the totals."""
    parts = ["\n".join([f"{title}:", *lines, ""]) for title, lines in plan_sections(plan)]
    return "\n".join([*parts, totals_text(plan)]) + "\n"


def plan_sections(plan: Plan) -> list[tuple[str, list[str]]]:
    """Return what a plan has to say as titles with their lines, without the titles that have none."""
    touching = [one for one in plan.pending if one.action not in _STATE_ONLY]
    noting = [one for one in plan.pending if one.action in _STATE_ONLY]
    mixed = len({one.provider for one in plan.changes}) > 1
    late = {who: f"by {rough_time(seconds)}" for who, seconds in plan.overdue.items()}
    sections: list[tuple[str, Iterable[str]]] = [
        ("Changed from outside since the last converge", _drift(touching)),
        (TO_DO, [*_owner(plan), *_changes(touching, mixed)]),
        ("Written down only, no worker is touched", _changes(noting, mixed)),
        ("Blocked, nothing is done to them in this run", _notes("?", plan.blocked)),
        ("Kept, although the document does not name them", _notes("!", plan.kept)),
        ("Not ours, so never touched", (f"  ! {text}" for text in plan.foreign)),
        ("Overdue", _notes("!", late)),
        ("Good to know", (f"  * {text}" for text in plan.warnings)),
        (IN_THE_WAY, (f"  x {problem}" for problem in plan.problems)),
    ]
    found = [(title, list(lines)) for title, lines in sections]
    return [(title, lines) for title, lines in found if lines]


def totals_text(plan: Plan) -> str:
    """Say in one line how much a plan does."""
    counts = plan.totals()
    doing = [f"{counts[action.value]} to {action.value}" for action in SIGNS if counts[action.value]]
    others = (("blocked", plan.blocked), ("kept", plan.kept), ("not ours", plan.foreign), ("in the way", plan.problems))
    rest = [f"{len(found)} {name}" for name, found in others if found]
    unchanged = counts[Action.NOOP.value]
    if plan.owner_from:
        doing.insert(0, f"owner {plan.owner_from} to move")
    if doing:
        return f"Plan for {plan.owner}: {', '.join(doing)}; {', '.join([f'{unchanged} unchanged', *rest])}."
    all_of_them = f"{counted([one.address for one in plan.changes])} {'is' if unchanged == 1 else 'are'}"
    return f"Plan for {plan.owner}: nothing to do; {', '.join([f'{all_of_them} as the document says', *rest])}."


def results_text(results: Sequence[Result]) -> str:
    """Say what became of changes that did not succeed; those that went wrong in the same way share a line."""
    unfinished = [one for one in results if one.status != "done"]
    lines = []
    for alike in _grouped(unfinished, lambda one: (one.change.action, one.status, _said(one))):
        first = alike[0]
        sign = "x" if first.status == "failed" else "?"
        addresses = [one.change.address for one in alike]
        lines.append(f"  {sign} {several(addresses)}  {first.change.action.value} {first.status}: {_said(first)}")
    more = [f"  ... and {len(lines) - _TOLD} more"] if len(lines) > _TOLD else []
    return "\n".join([*lines[:_TOLD], *more])


def blocked_text(plan: Plan) -> str:
    """Say what a plan leaves alone although it would do something, or could not see whether it should, and why."""
    return "\n".join(_notes("?", plan.blocked))


def _owner(plan: Plan) -> Iterator[str]:
    """Say that the whole fleet gets another owner."""
    if plan.owner_from:
        workers = "1 worker moves" if plan.owner_brings == 1 else f"{plan.owner_brings} workers move"
        yield f"  {SIGNS[Action.MOVE]:<3} owner {plan.owner_from} -> {plan.owner}, {workers}"


def _said(one: Result) -> str:
    """The reason without the address that stands before it anyway; what a program said itself is indented."""
    return one.reason.removeprefix(f"{one.change.address}: ").replace("\n", "\n        ")


def _notes(sign: str, notes: Mapping[str, str]) -> Iterator[str]:
    """Say something about each address; a reason that many share is told once."""
    by_reason: dict[str, list[Address]] = {}
    for address, reason in notes.items():
        by_reason.setdefault(reason, []).append(parse_address(address))
    for reason, addresses in by_reason.items():
        yield f"  {sign} {several(addresses)}: {reason}"


def _drift(changes: Sequence[Change]) -> Iterator[str]:
    """List what somebody else did, apart from what the document changes."""
    drifted = [change for change in changes if change.cause is Cause.DRIFT]
    rows = [
        (several([one.address for one in alike]), _one_line(alike[0].reason))
        for alike in _grouped(drifted, lambda one: (one.address.name, one.reason))
    ]
    width = _width(who for who, _unused in rows)
    yield from _clipped([f"  ! {who:<{width}}  {reason}" for who, reason in rows])


def _changes(changes: Sequence[Change], mixed: bool) -> Iterator[str]:
    """List changes, each with its reason and fields; where providers are ``mixed``, what is made says on which one."""
    groups = list(_grouped(changes, _likeness))
    names = [several([change.address for change in group]) for group in groups]
    width, wide = _width(names), max((len(_verb(group[0])) for group in groups), default=0)
    alike = Counter(_likeness(group[0])[1:] for group in groups)
    shown: Counter[Hashable] = Counter()
    for who, group in zip(names, groups, strict=True):
        change, kind = group[0], _likeness(group[0])[1:]
        shown[kind] += 1
        if shown[kind] <= _SHOWN or alike[kind] == _SHOWN + 1:
            sign = "+/-" if change.create_before_destroy else SIGNS[change.action]
            where = f" (on {change.provider})" if mixed and change.action in (Action.CREATE, Action.REPLACE) else ""
            yield f"  {sign:<3} {who:<{width}}  {_verb(change):<{wide}}  {_one_line(change.reason)}{where}"
            yield from _details(change)
        elif shown[kind] == _SHOWN + 1:
            yield f"      ... and {alike[kind] - _SHOWN} more like these; the JSON form of the plan lists each"


def _one_line(reason: str) -> str:
    """Keep a plan to one line per worker: of what a program said, the end tells most, and its log has it all."""
    first, *more = reason.splitlines() or [""]
    return f"{first} ... {more[-1].strip()}" if more else first


def _verb(change: Change) -> str:
    said = change.action.value + (f", {change.then.value}" if change.then else "")
    return f"{said} (when idle)" if change.when_idle else said


def _details(change: Change) -> Iterator[str]:
    width = max((len(field.path) for field in change.fields), default=0)
    for field in change.fields:
        yield from _field(field, width)
    if change.create_before_destroy:
        yield "          the new one is ready before the old one goes"
    if change.draining_since is not None:
        yield f"          finishing its work since {_when(change.draining_since)}"


def _when(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _field(field: FieldChange, width: int) -> Iterator[str]:
    forces = "  (forces a new one)" if field.forces_replace else ""
    name = f"          {field.path + ':':<{width + 1}}"
    if hides(field):
        yield f"{name} {_hidden(field)}{forces}"
        return
    before, after = (_printable(humanise(field.path, value)) for value in (field.before, field.after))
    if len(before) + len(after) <= _LONG:
        yield f"{name} {before} -> {after}{forces}"
    else:
        yield f"{name}{forces}"
        yield f"            - {before}"
        yield f"            + {after}"


def _hidden(field: FieldChange) -> str:
    return "(added)" if field.before is None else "(removed)" if field.after is None else "(changed)"


def _as_shown(field: FieldChange) -> tuple[object, ...]:
    """What a reader sees of a field: what is hidden looks the same whatever it is."""
    return (field.path, _hidden(field), field.forces_replace) if hides(field) else tuple(field)


def _printable(text: str) -> str:
    """Show what a terminal would obey instead."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _likeness(change: Change) -> tuple[Hashable, ...]:
    """What instances of one worker share when one line can speak for them all; first the name, then the rest."""
    return (
        change.address.name,
        change.action,
        change.then,
        change.cause,
        change.reason,
        change.provider,
        repr([_as_shown(field) for field in change.fields]),
        change.deposed,
        (change.when_idle, change.draining_since is not None),
    )


def _grouped(things: Iterable[Thing], likeness: Callable[[Thing], Hashable]) -> Iterator[list[Thing]]:
    """Put together what is alike, in the order of the first of each."""
    groups: dict[Hashable, list[Thing]] = {}
    for thing in things:
        groups.setdefault(likeness(thing), []).append(thing)
    yield from groups.values()


def _width(names: Iterable[str]) -> int:
    return max((len(name) for name in names if len(name) <= _WIDE), default=0)


def _clipped(lines: list[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return lines if more <= 1 else [*lines[:_SHOWN], f"    ... and {more} more"]
