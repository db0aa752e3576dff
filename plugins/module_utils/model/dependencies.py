# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `depends_on` means: names turned into addresses, unknown ones and cycles found."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from .address import Address, parse_address
from .entries import Entry
from .errors import Problem


def instances_of(entry: Entry) -> tuple[Address, ...]:
    """List the addresses of a worker: one without a key, or as many as it counts."""
    name, count = entry.worker["name"], entry.worker.get("count")
    if count is None:
        return (Address("worker", name),)
    return tuple(Address("worker", name, index) for index in range(count))


def resolve(entries: Sequence[Entry], names: Collection[str]) -> tuple[dict[str, tuple[Address, ...]], list[Problem]]:
    """Return, by worker name, the addresses that it depends on, and what is wrong.

    ``names`` are all workers of the document, those that are not valid included: to depend on one is no mistake.
    """
    addresses = {entry.worker["name"]: instances_of(entry) for entry in entries} if _any(entries) else {}
    found: dict[str, tuple[Address, ...]] = {}
    wrong: list[Problem] = []
    for entry in entries:
        resolved: dict[Address, None] = {}
        for text in entry.worker.get("depends_on", ()):
            wanted = parse_address(text)
            known = addresses.get(wanted.name, ())
            if wanted in known:
                resolved[wanted] = None
            elif wanted.key is None and wanted.name in names:
                resolved.update(dict.fromkeys(known))
            elif wanted.name not in addresses and wanted.name in names:
                continue
            else:
                wrong.append(_unknown(entry, text, wanted, names))
        if resolved:
            found[entry.worker["name"]] = tuple(resolved)
    return found, wrong or list(_cycles(entries, found))


def _any(entries: Sequence[Entry]) -> bool:
    return any("depends_on" in entry.worker for entry in entries)


def _unknown(entry: Entry, text: str, wanted: Address, names: Collection[str]) -> Problem:
    path, source = entry.place.under(("depends_on",)), entry.place.source
    if wanted.name in names:
        return Problem(path, f"there is no instance '{text}'", f"see the count of '{wanted.name}'", source)
    import difflib

    close = difflib.get_close_matches(wanted.name, list(names), 1)
    hint = f"did you mean {close[0]}?" if close else "depend on workers of this document only"
    return Problem(path, f"there is no worker '{wanted.name}'", hint, source)


def _cycles(entries: Sequence[Entry], depends: Mapping[str, tuple[Address, ...]]) -> Iterator[Problem]:
    """Yield one problem per cycle of names, found by depth-first search without recursion."""
    entry_of = {entry.worker["name"]: entry for entry in entries} if depends else {}
    done: set[str] = set()
    for start in depends:
        path: dict[str, None] = {}
        stack = [(start, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                path.pop(name)
                done.add(name)
            elif name in path:
                ring = [*list(path)[list(path).index(name) :], name]
                place = entry_of[name].place
                message = f"workers depend on each other in a circle: {' -> '.join(ring)}"
                yield Problem(place.under(("depends_on",)), message, "remove one of these", place.source)
            elif name not in done:
                path[name] = None
                stack.append((name, True))
                stack.extend((other, False) for other in {address.name for address in depends.get(name, ())})
