# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The providers and what they hold: health, versions, latency, what workers survive, what was left over."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ...engine.naming import several
from ...engine.provider_fault import provider_fault
from ...model.address import SECRET, Address, parse_address
from ...model.change import Plan
from ...model.errors import HodeiError
from ...model.finding import Finding, findings_of, ok, problem, warning
from ...model.mounts import STORE
from ...model.ports import Examinable, Fingerprint, Listing, ObjectProvider
from ...model.quantities import rough_time

#: A list call that takes longer than this many seconds makes each plan slow.
_SLOW = 5.0
_SURVIVES = {
    "boot": "workers go on until they are stopped or the machine is",
    "login": "workers outlive the session that converges, and end with the user's last login",
    "session": "workers may end with the session that converges",
    "container": "workers end with this container",
}


def provider(name: str, port: ObjectProvider) -> list[Finding]:
    """Look at one provider, or store. Raises nothing: what does not answer is a finding."""
    area = f"store {name.removeprefix(STORE)}" if name.startswith(STORE) else f"provider {name}"
    found: list[Finding] = []
    for look in (_fingerprint, _listing, _examined):
        try:
            found += look(area, port)
        except HodeiError as error:
            found += findings_of(area, error)
        except Exception as error:  # noqa: BLE001 - a fault of one provider must not hide what the others have
            found += findings_of(area, provider_fault(name, look.__name__.strip("_"), error))
    return list(dict.fromkeys(found))  # what fails in one way for each look is told once


def _fingerprint(area: str, port: ObjectProvider) -> Iterator[Finding]:
    seen = port.fingerprint()
    if seen.healthy:
        yield ok(area, f"type {seen.type}, version {seen.version}, healthy")
    else:
        said = f"type {seen.type}, version {seen.version}: it says that it is not healthy"
        yield problem(area, said, "See its own logs; what it says more stands below.")
    yield from _survival("survival" if seen.survives else area, seen)


def _survival(area: str, seen: Fingerprint) -> Iterator[Finding]:
    """What workers outlive; a provider's warning says why that is less than it could be, and how to have more."""
    for text in seen.warnings:
        cause, _unused, cure = text.partition("; ")
        yield warning(area, f"{seen.survives}: {cause}" if seen.survives else cause, cure)
    if seen.survives and not seen.warnings:
        yield ok(area, f"{seen.survives}: {_SURVIVES.get(seen.survives, 'see the provider')}")


def _listing(area: str, port: ObjectProvider) -> Iterator[Finding]:
    started = time.monotonic()
    listing: Listing = port.list()
    seconds = time.monotonic() - started
    count = len(listing.observations)
    said = f"one list of {count} {'object' if count == 1 else 'objects'} took {rough_time(seconds)}"
    yield warning(area, said, "Every plan waits for it.") if seconds > _SLOW else ok(area, said)
    if listing.problem is not None:
        yield from findings_of(area, listing.problem)
    elif not listing.complete:
        yield problem(area, "the list was not complete", "What is missing is unknown, and is left alone.")


def _examined(area: str, port: ObjectProvider) -> Iterable[Finding]:
    return [one._replace(area=one.area or area) for one in port.examine()] if isinstance(port, Examinable) else ()


def objects(plan: Plan) -> Iterator[Finding]:
    """What is there and should not be, or is unknown."""
    unchanged = plan.totals()["noop"]
    pending = len(plan.pending)
    if pending:
        yield ok(
            "objects",
            f"{unchanged} as the document says, {pending} changes pending: see the playbook hodei.workers.plan",
        )
    else:
        yield ok("objects", f"{unchanged} as the document says, nothing pending")
    for change in plan.pending:
        if change.deposed:
            yield warning(
                "objects",
                f"{change.address} generation {change.generation} was left over by an interrupted replacement",
                "The next converge deletes it.",
            )
    for text in plan.foreign:
        yield warning(
            "objects", text, "It is left alone. fleet_refresh with adopt_lineages makes it part of this fleet."
        )
    for who, reason in _by_reason(plan.kept):
        yield warning("objects", f"not in the document, but kept: {who}, because {reason}")
    for who, reason in _by_reason(plan.blocked):
        yield problem(
            "objects",
            f"not seen or not to be compared: {who}, because {reason}",
            "Nothing is done to them until that is put right.",
        )
    for address, late in plan.overdue.items():
        cure = "The next converge settles it."
        if parse_address(address).kind == SECRET:
            cure = "Renew it: converge with it in `replace`, or give it another value."
        yield warning("objects", f"{address} is overdue by {rough_time(late)}", cure)
    for one in plan.problems:
        yield problem("objects", f"a converge would refuse to start: {one.path}: {one.message}", one.hint)


def _by_reason(notes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Put those together who share a reason."""
    by_reason: dict[str, list[Address]] = {}
    for address, reason in notes.items():
        by_reason.setdefault(reason, []).append(parse_address(address))
    for reason, addresses in by_reason.items():
        yield several(addresses), reason


def forgotten(directory: Path, configured: Mapping[str, object]) -> Iterator[Finding]:
    """Providers that keep something here and that the document no longer names."""
    place = directory / "providers"
    try:
        names = sorted(entry.name for entry in os.scandir(place) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return
    for name in names:
        if name not in configured and any((place / name).iterdir()):
            yield warning(
                "objects",
                f"provider '{name}' is not in the document, but {place / name} holds what it kept",
                "If workers of it still run, put the provider back into the document and converge without them.",
            )
