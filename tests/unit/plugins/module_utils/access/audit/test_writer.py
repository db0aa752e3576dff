# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer of a chain: what it writes, when it begins a new segment, and when it refuses."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.audit import keys
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import read_lines, segments
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.verify import Flaw
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.writer import DAY, Rotation
from ansible_collections.hodei.workers.plugins.module_utils.durable import failpoints
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import AuditHead
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.tests.support.audit_chains import NOW, SMALL, entry, opened, verified

ONLY_NOT_DETECTABLE = [Flaw.NOT_DETECTABLE]


def flaws(directory: Path) -> list[Flaw]:
    return [one.flaw for one in verified(directory).found]


def test_records_of_one_call_are_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = opened(tmp_path)
    audit.record(entry())
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    audit.record(*[entry(f"s/{number}") for number in range(500)])
    assert len(synced) == 1
    audit.record(entry(), sync=False)
    assert len(synced) == 1
    assert flaws(tmp_path) == ONLY_NOT_DETECTABLE
    assert verified(tmp_path).records == 503  # the first says that the chain begins
    assert sum(b'"signature"' in line for line in read_lines(tmp_path)) == 3


def test_nothing_to_record_writes_nothing(tmp_path: Path) -> None:
    opened(tmp_path).record()
    assert read_lines(tmp_path) == []
    assert opened(tmp_path).head() is None


def test_writers_take_turns(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    for number in range(5):
        one.record(entry(f"one/{number}"))
        other.record(entry(f"other/{number}"))
    assert flaws(tmp_path) == ONLY_NOT_DETECTABLE
    head = one.head()
    assert head is not None
    assert head == verified(tmp_path).head
    assert head.seq == 11


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    opened(tmp_path).record(entry())
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()} == {0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_segments_go_on_where_the_one_before_ended(tmp_path: Path) -> None:
    audit = opened(tmp_path, rotation=SMALL)
    for number in range(20):
        audit.record(entry(f"s/{number}"))
    assert len(segments(tmp_path)) > 3
    assert flaws(tmp_path) == ONLY_NOT_DETECTABLE
    assert all(path.stat().st_size < 3000 for path in segments(tmp_path))


def test_an_old_segment_is_closed(tmp_path: Path) -> None:
    times = [NOW]
    audit = opened(tmp_path, rotation=Rotation(most_age=DAY), clock=lambda: times[0])
    audit.record(entry())
    times[0] += DAY - 1
    audit.record(entry())
    assert len(segments(tmp_path)) == 1
    times[0] += 1
    audit.record(entry())
    assert len(segments(tmp_path)) == 2


def test_what_is_no_longer_kept_goes_and_the_chain_says_so(tmp_path: Path) -> None:
    times = [NOW]
    audit = opened(tmp_path, rotation=Rotation(most_age=DAY, keep=3 * DAY), clock=lambda: times[0])
    for _unused in range(10):
        audit.record(entry())
        times[0] += DAY
    assert flaws(tmp_path) == [Flaw.RETENTION, Flaw.NOT_DETECTABLE]
    assert 4 <= len(segments(tmp_path)) <= 5
    first = segments(tmp_path)[0]
    first.unlink()
    assert Flaw.REMOVED in flaws(tmp_path)


def test_the_record_that_says_so_is_on_the_disk_before_anything_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut could leave a chain without its beginning, and nothing that says why."""
    audit = opened(tmp_path, rotation=SMALL)
    for number in range(12):
        audit.record(entry(f"s/{number}"))
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    at_removal: list[list[str]] = []
    failpoints.install(lambda name: at_removal.append(list(synced)) if name == "audit.removed" else None)
    try:
        forgetful = Rotation(most_bytes=1, keep=1.0)
        opened(tmp_path, rotation=forgetful, clock=lambda: NOW + 1000).record(entry("last"), sync=False)
    finally:
        failpoints.install(lambda name: None)
    assert str(segments(tmp_path)[-1]) in at_removal[0]


def test_a_segment_whose_end_is_not_in_the_next_is_kept(tmp_path: Path) -> None:
    times = [NOW]
    audit = opened(tmp_path, rotation=Rotation(most_age=DAY, keep=DAY), clock=lambda: times[0])
    audit.record(entry())
    first = segments(tmp_path)[0]
    first.write_bytes(first.read_bytes().replace(b"local", b"vault"))
    for _unused in range(5):
        times[0] += DAY
        audit.record(entry())
    assert first.exists()
    assert Flaw.EDITED in flaws(tmp_path)


def test_the_key_is_handed_over(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    one.record(entry())
    (old,) = keys.stored_keys(tmp_path)
    new = one.rotate_key()
    assert keys.stored_keys(tmp_path) == [new]
    other.record(entry())  # it had no notice
    one.record(entry())
    assert flaws(tmp_path) == ONLY_NOT_DETECTABLE
    assert sorted(path.stem for path in tmp_path.glob("keys/*.pub")) == sorted([old, new])
    other.rotate_key()
    one.record(entry())
    assert flaws(tmp_path) == ONLY_NOT_DETECTABLE
    with pytest.raises(HodeiError, match="already"):
        keys.create_audit_key(tmp_path)


def test_a_chain_without_its_key_gets_no_other(tmp_path: Path) -> None:
    opened(tmp_path).record(entry())
    (path,) = tmp_path.glob("keys/*.key")
    path.unlink()
    for call in (lambda: keys.create_audit_key(tmp_path), lambda: opened(tmp_path).record(entry())):
        with pytest.raises(HodeiError, match="its key is missing") as caught:
            call()
        assert caught.value.kind is Kind.CONFIGURATION
    assert flaws(tmp_path) == ONLY_NOT_DETECTABLE  # it can still be verified


def test_nothing_is_appended_to_a_chain_that_has_lost_what_is_known_of_it(tmp_path: Path) -> None:
    """What the state has seen is gone, or is another record: one line more would make that look like the end that it has."""
    audit = opened(tmp_path)
    audit.record(entry("a"))
    (path,) = segments(tmp_path)
    short = path.read_bytes()
    audit.record(entry("b"))
    head = audit.head()
    assert head is not None
    known = {head.writer: head}
    opened(tmp_path, anchored=known).record(entry("c"))  # it may have got further
    path.write_bytes(short)
    for call in (lambda one: one.record(entry("d")), lambda one: one.head(), lambda one: one.rotate_key()):
        with pytest.raises(HodeiError, match="was cut off or replaced") as caught:
            call(opened(tmp_path, anchored=known))
        assert caught.value.kind is Kind.CONFLICT
    opened(tmp_path).record(entry("another"))
    with pytest.raises(HodeiError, match="was cut off or replaced"):  # as long as what is known
        opened(tmp_path, anchored=known).record(entry("d"))
    path.unlink()
    late = opened(tmp_path, anchored={"ci/former-name/0": head})
    with pytest.raises(HodeiError, match="is gone from"):
        late.record(entry("d"))
    assert segments(tmp_path) == []
    shutil.rmtree(tmp_path)
    with pytest.raises(HodeiError, match="is gone from"):
        late.record(entry("d"))


def test_no_anchor_and_no_next_segment_comes_before_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that were written without waiting for it: a power cut would take what an anchor has seen, or leave a gap."""
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    audit = opened(tmp_path, rotation=SMALL)
    audit.record(entry(), sync=False)
    synced.clear()
    seen: list[list[str]] = []

    class Noting:
        name = "a test"

        def put(self, _head: AuditHead) -> None:
            seen.append(list(synced))

        def get(self, _writer: str) -> None:
            return None

    for number in range(12):
        if len(segments(tmp_path)) == 2:
            break
        audit.record(entry(f"s/{number}"), sync=False)
    first, second = map(str, segments(tmp_path))
    assert first in synced
    assert str(tmp_path) in synced, "nor is the name of the next one lost"
    assert second not in synced
    audit.anchor(Noting())
    assert second in seen[0]


def test_a_segment_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    """Whoever could put it there chooses what is behind it."""
    place, elsewhere = tmp_path / "audit", tmp_path / "elsewhere"
    place.mkdir()
    opened(place).record(entry("a"))
    (path,) = segments(place)
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    with pytest.raises(HodeiError, match="could not be written"):
        opened(place).record(entry("b"))
    assert elsewhere.read_bytes() == before


def test_without_init_there_is_one_message(tmp_path: Path) -> None:
    from ansible_collections.hodei.workers.plugins.module_utils.access.audit.writer import Audit

    with pytest.raises(HodeiError, match=r"hodei\.workers\.init"):
        Audit(tmp_path / "nowhere", "w").record(entry())


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    audit = opened(tmp_path)
    (path,) = tmp_path.glob("keys/*.key")
    path.chmod(0o640)
    with pytest.raises(HodeiError, match="others can read"):
        audit.record(entry())


def test_a_key_under_another_name_is_refused(tmp_path: Path) -> None:
    audit = opened(tmp_path)
    (path,) = tmp_path.glob("keys/*.key")
    other, _public = keys.make_key(tmp_path / "other")
    another = (tmp_path / "other" / "keys" / f"{other}.key").read_bytes()
    for broken in (b"no key", (path.parent / f"{path.stem}.pub").read_bytes(), another):
        path.write_bytes(broken)
        with pytest.raises(HodeiError, match="not the key that its name says") as caught:
            audit.record(entry())
        assert broken.decode() not in str(caught.value)


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: data.replace(b'"uid:1000"', b'"uid:0"'),
        lambda data: data[:-4] + (b"0" if data[-4:-3] != b"0" else b"1") + data[-3:],
        lambda data: data.replace(b'"seq":2', b'"seq":"2"'),
    ],
)
def test_nothing_is_appended_to_an_end_that_is_not_ours(tmp_path: Path, edit) -> None:
    opened(tmp_path).record(entry())
    (path,) = segments(tmp_path)
    edited = edit(path.read_bytes())
    path.write_bytes(edited)
    with pytest.raises(HodeiError, match="not what was written") as caught:
        opened(tmp_path).record(entry())
    assert caught.value.kind is Kind.INTERNAL
    assert path.read_bytes() == edited


def test_a_chain_that_has_lost_its_beginning_and_every_end_is_not_begun_anew(tmp_path: Path) -> None:
    """What is left has no signature: it could be anybody's."""
    opened(tmp_path).record(entry())
    (path,) = segments(tmp_path)
    path.rename(tmp_path / "000000000007.jsonl")
    (tmp_path / "000000000007.jsonl").write_bytes(b'{"record":{"fore')
    with pytest.raises(HodeiError, match="it has no signed record"):
        opened(tmp_path).record(entry())


def test_of_two_keys_none_is_chosen(tmp_path: Path) -> None:
    """Before the first record nothing says which it is."""
    opened(tmp_path)
    keys.make_key(tmp_path)
    with pytest.raises(HodeiError, match="more keys than one"):
        opened(tmp_path).record(entry())


def test_an_edit_under_a_writer_that_has_the_chain_in_mind(tmp_path: Path) -> None:
    audit = opened(tmp_path)
    audit.record(entry())
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"local", b"vault"))  # as long as before
    audit.record(entry())
    assert {Flaw.EDITED, Flaw.BAD_SIGNATURE} <= set(flaws(tmp_path))


def test_warn_tells_and_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    audit = opened(tmp_path, on_failure="warn", warn=told.append)
    (path,) = tmp_path.glob("keys/*.key")
    path.unlink()
    audit.record(entry())
    assert "missing in the audit chain" in told[0]
    assert read_lines(tmp_path) == []


def test_every_cut_of_a_last_write_is_mended_and_said(tmp_path: Path) -> None:
    audit = opened(tmp_path)
    audit.record(entry())
    whole = verified(tmp_path).records
    (path,) = segments(tmp_path)
    before = path.stat().st_size
    audit.record(entry("a"), entry("b"))
    data = path.read_bytes()
    for size in range(before + 1, len(data), 7):
        path.write_bytes(data[:size])
        assert Flaw.TORN in flaws(tmp_path)
        assert verified(tmp_path).intact
        opened(tmp_path).record(entry("c"))
        report = verified(tmp_path)
        assert [one.flaw for one in report.found] == [Flaw.MENDED, Flaw.NOT_DETECTABLE], size
        assert f"{size - before} bytes" in report.found[0].message
        assert report.records == whole + 2


def test_a_first_write_that_was_cut_short(tmp_path: Path) -> None:
    opened(tmp_path)
    (tmp_path / "000000000001.jsonl").write_bytes(b'{"record":{"fore')
    opened(tmp_path).record(entry())
    assert flaws(tmp_path) == [Flaw.MENDED, Flaw.NOT_DETECTABLE]


def test_a_write_longer_than_the_window_of_the_search(tmp_path: Path) -> None:
    audit = opened(tmp_path)
    audit.record(entry())
    (path,) = segments(tmp_path)
    size = path.stat().st_size
    audit.record(*[entry(f"s/{number}", why="x" * 900) for number in range(700)])
    data = path.read_bytes()
    assert len(data) > 512 << 10
    path.write_bytes(data[:-10])
    opened(tmp_path).record(entry())
    assert flaws(tmp_path) == [Flaw.MENDED, Flaw.NOT_DETECTABLE]
    assert path.stat().st_size < size + 2000
