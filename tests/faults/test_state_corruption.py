# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bits that flip and files that end early: a torn tail is dropped, anything else is refused (invariant 4)."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.records import State
from ansible_collections.hodei.workers.tests.conformance.state.builders import LINEAGE, OWNER, T0

SOAK = int(os.environ.get("HODEI_SOAK", "0"))
#: Most damage is called that; in the format number it looks like another version, in the header like no state at all.
REFUSALS = (Kind.INTERNAL, Kind.COMPATIBILITY, Kind.NOT_FOUND, Kind.CONFIGURATION)

WRITER = """
import os, sys
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.tests.conformance.state.builders import *
store = SqliteState(sys.argv[1])
lease = store.acquire("ana", TTL, T0)
def mark():
    print(os.path.getsize(sys.argv[1] + "-wal"), flush=True)
mark()
for number in range(6):
    name = Address("worker", f"w{number}")
    store.begin(lease, [operation(f"op{number}", name)])
    mark()
    store.end(lease, [ended(f"op{number}", put=(resource(name, dependencies=()),))])
    mark()
os._exit(9)
"""


class Crashed(NamedTuple):
    """A state that a killed process left: its file, the size of its log after each transaction, the state at each."""

    path: Path
    sizes: list[int]
    states: list[State]


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Crashed:
    path = tmp_path_factory.mktemp("crashed") / "state.db"
    store = SqliteState(path)
    store.initialise(OWNER, LINEAGE, T0)
    store.close()
    program = [sys.executable, "-c", WRITER, str(path)]
    done = subprocess.run(program, env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    sizes = [int(line) for line in done.stdout.split()]
    states = [looked(copied(path, path.parent / f"cut{size}", cut=size)) for size in sizes]
    assert len(states) == 13
    return Crashed(path, sizes, states)


def copied(path: Path, to: Path, *, cut: int | None = None, flip: int | None = None, log: bool = True) -> Path:
    """Copy database and log (not its index, which SQLite rebuilds); cut the log, or flip one bit of log or database."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    shutil.copyfile(path, to / "state.db")
    if log:
        shutil.copyfile(path.with_name("state.db-wal"), to / "state.db-wal")
    target = to / ("state.db-wal" if log else "state.db")
    if cut is not None:
        os.truncate(target, cut)
    if flip is not None:
        data = bytearray(target.read_bytes())
        data[flip // 8] ^= 1 << flip % 8
        target.write_bytes(data)
    return to / "state.db"


def looked(path: Path) -> State:
    return SqliteState(path, read_only=True).read()


def written(path: Path) -> State:
    """Read as a run does that is about to write."""
    store = SqliteState(path)
    try:
        return store.read()
    finally:
        store.close()


def answer(call: Callable[[Path], State], path: Path) -> State | None:
    """Return the state, or None when it was refused in words as damaged."""
    try:
        state = call(path)
    except HodeiError as error:
        return None if error.hint and error.kind in REFUSALS else pytest.fail(f"refused in other words: {error!r}")
    assert verify(state) == []
    return state


def test_invariant_4_log_cut_at_any_byte_is_the_state_of_the_last_whole_transaction(
    crashed: Crashed, tmp_path: Path
) -> None:
    boundaries = [size + delta for size in crashed.sizes for delta in (-1, 0, 1)]
    steps = range(crashed.sizes[0], crashed.sizes[-1], 1 if SOAK else 1009)
    for cut in sorted({*steps, *boundaries} - {crashed.sizes[0] - 1}):
        whole = max(index for index, size in enumerate(crashed.sizes) if size <= cut)
        for read in (looked, written) if cut in boundaries else (looked,):
            assert read(copied(crashed.path, tmp_path / "cut", cut=cut)) == crashed.states[whole], cut


def test_invariant_4_flipped_bit_in_the_middle_of_the_log_is_refused_and_in_its_tail_dropped(
    crashed: Crashed, tmp_path: Path
) -> None:
    chance = random.Random(4)
    refused = 0
    for turn in range(4000 if SOAK else 250):
        flip = chance.randrange(crashed.sizes[-1] * 8)
        state = answer(written, copied(crashed.path, tmp_path / "flip", flip=flip))
        at = flip // 8
        if at < crashed.sizes[-4]:
            assert state in (None, crashed.states[-1]), f"turn {turn}: bit {flip} lost transactions silently"
        else:
            assert state is None or state in crashed.states[-4:], f"turn {turn}: bit {flip}"
        refused += state is None
    assert refused > 100


def test_refused_log_is_left_as_it_is(crashed: Crashed, tmp_path: Path) -> None:
    path = copied(crashed.path, tmp_path / "flip", flip=(32 + 24 + 100) * 8)
    before = path.read_bytes(), path.with_name("state.db-wal").read_bytes()
    with pytest.raises(HodeiError, match="broken record in its middle") as caught:
        written(path)
    assert "Restore" in caught.value.hint
    assert path.read_bytes() == before[0]


def test_invariant_4_flipped_bit_in_the_database_is_refused_or_harmless(crashed: Crashed, tmp_path: Path) -> None:
    whole = copied(crashed.path, tmp_path / "whole")
    written(whole)  # folds the log into the database
    state, size = looked(whole), whole.stat().st_size
    chance = random.Random(4)
    refused = 0
    for turn in range(20_000 if SOAK else 1500):
        flip = chance.randrange(size * 8)
        path = copied(whole, tmp_path / "flip", flip=flip, log=False)
        for read in (looked, written) if turn % 10 == 0 else (looked,):
            found = answer(read, path)
            assert found in (None, state), f"turn {turn}: bit {flip}"
            refused += found is None
    assert refused > 100


def test_invariant_4_database_cut_short_is_refused(crashed: Crashed, tmp_path: Path) -> None:
    whole = copied(crashed.path, tmp_path / "whole")
    written(whole)
    size = whole.stat().st_size
    for cut in range(1, size, 1501):
        path = copied(whole, tmp_path / "cut", cut=cut, log=False)
        assert answer(looked, path) in (None, looked(whole)), cut
        assert answer(written, path) is None, cut
