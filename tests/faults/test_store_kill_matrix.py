# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded store is killed at every failpoint of every call, and the call is made again: nothing is lost, nothing is doubled."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Fault, Metadata, StoreError
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import create_key_file, key_source
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import LocalStore
from ansible_collections.hodei.workers.tests.support.forks import in_child, kill_points
from ansible_collections.hodei.workers.tests.support.places import quick_directory

A, B, C = SecretName("db/password"), SecretName("db/password", "acme"), SecretName("tls/key")
MOST_HITS = 100


def value(text: str) -> SecretValue:
    return SecretValue(text.encode())


def _made(store: LocalStore) -> None:
    try:
        store.initialise(allow_ephemeral=True)
    except HodeiError as error:
        if error.kind is not Kind.ALREADY_EXISTS:
            raise


STEPS: tuple[Callable[[LocalStore], object], ...] = (
    _made,
    lambda store: store.put(A, value("a1"), expected=0, token="1"),
    lambda store: store.put(B, value("b1"), expected=0, token="2"),
    lambda store: store.put(A, value("a2"), expected=1, token="3"),
    lambda store: store.stage(A, value("a3"), expected=2, token="4"),
    lambda store: store.promote(A, 3, expected=2),
    lambda store: store.retire(A, 2),
    lambda store: store.put(C, value("c1"), token="5"),
    lambda store: store.stage(C, value("c2"), token="6"),
    lambda store: store.rollback(C, 2),
    lambda store: store.put(C, value("c3"), token="7"),
    lambda store: store.rollback(C, 3),
    lambda store: store.annotate(B, Metadata(tags={"team": "ci"})),
    lambda store: store.delete(B),
    lambda store: store.restore(B),
    lambda store: store.rekey(),
    lambda store: store.delete(C),
    lambda store: store.destroy(C),
    lambda store: store.put(C, value("c4"), expected=0, token="8"),
)
REKEY = 15
#: What readers may see as current after so many steps.
SEEN = {A: [None, "a1", "a1", "a2", "a2", "a3"], B: [None, None, "b1"]}


def opened(place: Path, *, number: int) -> LocalStore:
    """Open the store as the process does that makes a step: only the change of keys knows both."""
    new, old = (key_source({"file": str(place / name)}) for name in ("new", "old"))
    if number == REKEY:
        return LocalStore(place / "store" / "secrets.db", new, old_keys=[old], clock=itertools.count().__next__)
    return LocalStore(place / "store" / "secrets.db", old if number < REKEY else new, clock=itertools.count().__next__)


def step(place: Path, number: int) -> None:
    """Make one step, as a process of its own does."""
    store = opened(place, number=number)
    STEPS[number](store)
    store.close()


def old_or_new(place: Path, number: int) -> None:
    """Check that readers see what was current before the step that was cut, or after it, and are told nothing wrong."""
    store = opened(place, number=number)
    if number == 0:
        with suppress(HodeiError):
            assert store.list() == []
        return
    for name, history in SEEN.items():
        before, after = (history[min(one, len(history) - 1)] for one in (number - 1, number))
        assert _current(store, name) in (before, after), name
    for info in store.list():
        for version in info.versions:
            if not version.destroyed and info.deleted_at is None:
                store.get(info.name, version.number)


def _current(store: LocalStore, name: SecretName) -> str | None:
    """Return what readers get; while it is deleted, what they will get again."""
    try:
        return store.get(name).value.text()
    except StoreError as error:
        known = {Fault.NOT_FOUND: None, Fault.DELETED: "b1"}
        if error.fault not in known:
            raise
        return known[error.fault]


def content(place: Path, number: int) -> object:
    """Return all that a store holds after a step, but times."""
    store = opened(place, number=number + (number == REKEY))
    infos = [
        (
            info.name,
            dict(info.metadata.tags),
            [(one.number, one.stage, one.destroyed, one.token) for one in info.versions],
        )
        for info in store.list()
    ]
    values = [
        (info.name, one.number, store.get(info.name, one.number).value.text())
        for info in store.list()
        for one in info.versions
        if not one.destroyed and info.deleted_at is None
    ]
    return infos, values, store.fingerprint().generation


def test_killed_at_every_failpoint() -> None:
    with quick_directory() as directory:
        place, work = directory / "place", directory / "work"
        place.mkdir()
        for name in ("old", "new"):
            create_key_file(place / name)
        count = 0
        for number in range(len(STEPS)):
            before = directory / "before"
            shutil.copytree(place, before)
            assert in_child(lambda number=number: step(place, number)) == 0  # type: ignore[misc]
            wanted = content(place, number)
            for hit in kill_points(before, work, partial(step, work, number), most=MOST_HITS):
                old_or_new(work, number)
                assert in_child(lambda number=number: step(work, number)) == 0, (number, hit)  # type: ignore[misc]
                assert content(work, number) == wanted, f"after death {hit} of step {number}"
                count += 1
            shutil.rmtree(before)
        print(f"kill matrix, store local: {count} kill points")
        assert count > 80
