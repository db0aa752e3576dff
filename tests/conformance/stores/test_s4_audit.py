# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Point 20 of the suite, its audit half: a chain that a store anchors shows edit, reordering and truncation, and holds no value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.audit.anchors import StoreAnchor
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import segments
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.verify import Flaw
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Action, Entry, Result
from ansible_collections.hodei.workers.tests.conformance.stores.rigs import NAME, Rig, value
from ansible_collections.hodei.workers.tests.support.audit_chains import WRITER, opened, verified
from ansible_collections.hodei.workers.tests.support.places import quick_directory

CANARY = "canary-5f1e7c"
Lines = list[bytes]

CHANGES: dict[str, tuple[Callable[[Lines], Lines], Flaw]] = {
    "edit": (lambda lines: [line.replace(b'"read"', b'"use"') for line in lines], Flaw.BAD_SIGNATURE),
    "reorder": (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], Flaw.REORDERED),
    "truncation": (lambda lines: lines[:-1], Flaw.TRUNCATED),
}


def entry(what: Action, result: Result, version: int | None = None) -> Entry:
    return Entry(what, result, "uid:1000", NAME.path, "store", version=version, correlation="run-1")


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_done_to_the_chain_is_seen(rig: Rig, change: str) -> None:
    store = rig.open()
    anchor = StoreAnchor(store, "store")
    with quick_directory() as place:
        audit = opened(place / "audit")
        audit.record(entry(Action.WRITE, Result.BEGUN))
        written = store.put(NAME, value(CANARY))
        audit.record(entry(Action.WRITE, Result.DONE, written.number))
        audit.record(entry(Action.READ, Result.DONE, store.get(NAME).version.number))
        audit.anchor(anchor)
        assert verified(place / "audit", {anchor.name: anchor.get(WRITER)}).found == ()
        _tamper(place / "audit", CHANGES[change][0])
        report = verified(place / "audit", {anchor.name: StoreAnchor(rig.open(), "store").get(WRITER)})
        assert CHANGES[change][1] in {one.flaw for one in report.found}
        assert not report.intact


def _tamper(place: Path, change: Callable[[Lines], Lines]) -> None:
    (path,) = segments(place)
    whole = path.read_bytes()
    assert CANARY.encode() not in whole
    path.write_bytes(b"".join(change(whole.splitlines(keepends=True))))
