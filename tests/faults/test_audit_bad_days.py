# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit chain on bad days: writers killed at every failpoint, many at once, a disk that refuses, a reader among writers."""

from __future__ import annotations

import os
import resource as limits
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.audit import keys
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import read_lines, segments
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.verify import Flaw
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.writer import Rotation
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.tests.support.audit_chains import SMALL, entry, opened, verified
from ansible_collections.hodei.workers.tests.support.forks import KILLED, die_at, in_child
from ansible_collections.hodei.workers.tests.support.places import quick_directory
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed

HARMLESS = {Flaw.TORN, Flaw.MENDED, Flaw.RETENTION, Flaw.NOT_DETECTABLE, Flaw.EMPTY}
PROCESSES, EACH = 8, 15
FORGETFUL = Rotation(most_bytes=1500, keep=2.0)


@pytest.fixture
def place() -> Iterator[Path]:
    with quick_directory() as directory:
        yield directory / "audit"


def fill(place: Path) -> None:
    audit = opened(place, rotation=SMALL)
    for number in range(6):
        audit.record(entry(f"before/{number}"))


def append(place: Path) -> None:
    opened(place, rotation=SMALL).record(entry("a"), entry("b"))


def rotate_and_forget(place: Path) -> None:
    audit = opened(place, rotation=FORGETFUL, clock=lambda: 1_790_001_000.0)
    for number in range(5):
        audit.record(entry(f"more/{number}"))


def hand_over(place: Path) -> None:
    opened(place).rotate_key()


@pytest.mark.parametrize("step", [append, rotate_and_forget, hand_over])
def test_killed_at_every_failpoint(place: Path, step: Callable[[Path], None]) -> None:
    """After each death the chain verifies without tampering, what was acknowledged is there, and the step can be made again."""
    fill(place)
    work, deaths = place.with_name("work"), 0
    for hit in range(1, 200):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(place, work)

        def doomed(hit: int = hit) -> None:
            die_at(hit)
            step(work)

        code = in_child(doomed)
        if code == 0:
            break
        assert code == KILLED
        deaths += 1
        assert {one.flaw for one in verified(work).found} <= HARMLESS, f"after death {hit}"
        assert in_child(lambda: step(work)) == 0, f"again after death {hit}"
        report = verified(work)
        assert {one.flaw for one in report.found} <= HARMLESS, f"again after death {hit}"
        assert report.intact
        assert len(keys.stored_keys(work)) == 1 or step is not hand_over
    else:
        raise AssertionError("the step never came to its end")
    assert deaths >= 3


def test_many_processes_append_to_one_chain_while_one_reads(place: Path) -> None:
    opened(place).record(entry())
    children = []
    for number in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            os._exit(in_child(lambda number=number: _work(place, number)))  # type: ignore[misc]
        children.append(pid)
    views = 0
    while children:
        assert {one.flaw for one in verified(place).found} == {Flaw.NOT_DETECTABLE}
        views += 1
        for pid in list(children):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                assert os.waitstatus_to_exitcode(status) == 0
                children.remove(pid)
    report = verified(place)
    assert report.intact
    assert report.records == 2 + PROCESSES * EACH * 2
    assert views > 1
    assert len(segments(place)) > 3


def _work(place: Path, number: int) -> None:
    audit = opened(place, rotation=SMALL)
    for index in range(EACH):
        audit.record(entry(f"{number}/{index}/a"), entry(f"{number}/{index}/b"), sync=index % 2 == 0)


def test_a_disk_that_refuses_loses_nothing_and_leaves_nothing(place: Path) -> None:
    opened(place).record(entry())
    assert in_child(lambda: _refused(place)) == 0
    assert {one.flaw for one in verified(place).found} == {Flaw.NOT_DETECTABLE}


def _refused(place: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    audit = opened(place)
    (path,) = segments(place)
    size = path.stat().st_size
    limits.setrlimit(limits.RLIMIT_FSIZE, (size + 200, limits.RLIM_INFINITY))
    with pytest.raises(HodeiError) as caught:
        audit.record(entry("refused"))
    assert caught.value.kind is Kind.RESOURCE_EXHAUSTED
    assert path.stat().st_size == size
    told: list[str] = []
    opened(place, on_failure="warn", warn=told.append).record(entry("refused"))
    assert len(told) == 1
    limits.setrlimit(limits.RLIMIT_FSIZE, (limits.RLIM_INFINITY, limits.RLIM_INFINITY))
    audit.record(entry("after"))
    assert b"refused" not in b"".join(read_lines(place))
    assert b"after" in b"".join(read_lines(place))


def _fill(ballast: Path) -> None:
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_a_full_disk(testbed: Testbed) -> None:
    place = testbed.need("tmpfs") / "audit"
    audit = opened(place)
    audit.record(entry())
    ballast = place.parent / "ballast"
    _fill(ballast)
    with pytest.raises(HodeiError) as caught:
        audit.record(
            *[entry(f"s/{number}") for number in range(200)]
        )  # more than the last block of the file has room for
    assert caught.value.kind is Kind.RESOURCE_EXHAUSTED
    assert verified(place).intact
    assert verified(place).records == 2
    ballast.unlink()
    audit.record(entry("after"))
    assert [one.flaw for one in verified(place).found] == [Flaw.NOT_DETECTABLE]


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else takes root")
def test_somebody_else_may_not_write(place: Path) -> None:
    opened(place).record(entry())
    place.parent.chmod(0o755)
    place.chmod(0o755)

    def other() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        with pytest.raises(HodeiError) as caught:
            opened(place).record(entry())
        assert caught.value.kind is Kind.CONFIGURATION

    assert in_child(other) == 0
