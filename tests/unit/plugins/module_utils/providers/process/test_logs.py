# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading logs: the end, since a time, across rotations, and what comes next."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.ports import LogResult
from ansible_collections.hodei.workers.plugins.module_utils.providers.process import logs
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.logs import LogFiles, follow, last_lines
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.logs import INDEX_ENTRY


@pytest.fixture
def files(tmp_path: Path) -> LogFiles:
    """The logs of a worker, none written yet."""
    (tmp_path / "logs").mkdir()
    return LogFiles(str(tmp_path), "w.1")


def read(files: LogFiles, tail: int | None, since: float | None, limit: int) -> LogResult:
    """Read up to the present end."""
    return logs.read(files, tail, since, limit, files.size())


def write(files: LogFiles, text: bytes, old: int = 0, index: list[tuple[int, int]] | None = None) -> None:
    """Write a log with its index."""
    Path(files.path(old)).write_bytes(text)
    if index is not None:
        name = "w.1.idx" if old == 0 else f"w.1.idx.{old}"
        Path(files.path()).with_name(name).write_bytes(b"".join(INDEX_ENTRY.pack(*entry) for entry in index))


def test_all_of_it(files: LogFiles) -> None:
    """Rotated files first."""
    write(files, b"three\n")
    write(files, b"two\n", old=1)
    write(files, b"one\n", old=2)
    assert read(files, None, None, 1000) == LogResult(b"one\ntwo\nthree\n", truncated=False)


@pytest.mark.parametrize(
    ("tail", "expected"), [(0, b""), (1, b"three\n"), (2, b"two\nthree\n"), (9, b"one\ntwo\nthree\n")]
)
def test_the_last_lines(files: LogFiles, tail: int, expected: bytes) -> None:
    """Across rotations."""
    write(files, b"two\nthree\n")
    write(files, b"one\n", old=1)
    found = read(files, tail, None, 1000)
    assert (found.text, found.truncated) == (expected, False)


def test_the_limit_cuts_the_beginning(files: LogFiles) -> None:
    """And says so."""
    write(files, b"0123456789")
    write(files, b"old", old=1)
    found = read(files, None, None, 4)
    assert (found.text, found.truncated) == (b"6789", True)
    found = read(files, 5, None, 4)
    assert (found.text, found.truncated) == (b"6789", True)


@pytest.mark.parametrize(
    ("since", "expected"),
    [(0.0, b"abcdefghi"), (100.0, b"abcdefghi"), (101.0, b"defghi"), (102.9, b"ghi"), (200.0, b"ghi")],
)
def test_since_a_time(files: LogFiles, since: float, expected: bytes) -> None:
    """To a second; what the index does not know yet is the latest."""
    write(files, b"abcdefghi", index=[(100, 3), (101, 6)])
    assert read(files, None, since, 1000).text == expected


def test_since_a_time_before_the_rotation(files: LogFiles) -> None:
    """The rotated log has an index of its own; half an entry is passed over."""
    write(files, b"def", index=[(103, 3)])
    write(files, b"abc", old=1, index=[(100, 1), (101, 3)])
    assert read(files, None, 101.0, 1000).text == b"bcdef"
    with Path(files.path()).with_name("w.1.idx").open("ab") as file:
        file.write(b"\x00\x00")
    assert read(files, None, 103.0, 1000).text == b"def"


def test_following(files: LogFiles) -> None:
    """What is written meanwhile, also when the log is rotated under way."""
    write(files, b"before\n")
    path = Path(files.path())

    def work() -> None:
        with path.open("ab") as log:
            log.write(b"first\n")
            log.flush()
        threading.Event().wait(0.4)
        write(files, b"before\nfirst\nsecond\n", old=1)
        path.write_bytes(b"3rd\n")

    thread = threading.Thread(target=work)
    thread.start()
    expected = b"first\nsecond\n3rd\n"
    found = follow(files, 7, 30.0, len(expected))
    thread.join()
    assert found == expected


def test_following_the_one_that_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the end of the old log, although it is deleted, then the next generation's from its beginning; no other worker's."""
    (tmp_path / "logs").mkdir()
    old, new, other = (LogFiles(str(tmp_path), name) for name in ("w.1", "w.3", "w+1.2"))
    write(old, b"before\n")
    opened, really_open = threading.Event(), logs._open

    def open_and_tell(files: LogFiles) -> int | None:
        found = really_open(files)
        opened.set()
        return found

    monkeypatch.setattr(logs, "_open", open_and_tell)

    def work(before: BinaryIO) -> None:
        opened.wait(30)
        write(other, b"no\n")
        write(new, b"beginning\n")
        before.write(b"last words\n")
        Path(old.path()).unlink()
        threading.Event().wait(0.3)
        with Path(new.path()).open("ab") as log:
            log.write(b"more\n")

    expected = b"last words\nbeginning\nmore\n"
    with Path(old.path()).open("ab", buffering=0) as before:
        thread = threading.Thread(target=work, args=(before,))
        thread.start()
        found = follow(old, 7, 30.0, len(expected))
        thread.join()
    assert found == expected


def test_following_stops_at_its_limit_and_its_time(files: LogFiles) -> None:
    """It is bounded both ways."""
    write(files, b"")
    assert follow(files, 0, 0.2, 1000) == b""
    assert follow(files, 0, 60.0, 0) == b""
    Path(files.path()).unlink()
    assert follow(files, 0, 0.2, 1000) == b"", "nobody takes its place"
    Path(files.path()).parent.rmdir()
    assert follow(files, 0, 0.2, 1000) == b"", "the whole fleet is gone"


def test_lines() -> None:
    """A last one without its end counts."""
    assert last_lines(b"a\nb\nc", 2) == b"b\nc"
