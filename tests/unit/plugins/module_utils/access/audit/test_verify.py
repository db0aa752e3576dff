# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is done to the lines of a chain is found, or said to be not detectable."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.access.audit import chain, keys
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.verify import Flaw, verify
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Action, AuditHead, Entry, Result
from ansible_collections.hodei.workers.tests.support.audit_chains import WRITER, MemoryKey, chain_of, entry, head_of

KEY, OTHER = MemoryKey(), MemoryKey()
PUBLIC = {KEY.id: KEY.public}
LINES = chain_of(KEY, [1, 1, 3, 1, 4, 2])
WHOLE = b"".join(LINES)
LAST = head_of(LINES, len(LINES))
ENDS = {1, 2, 5, 6, 10, 12}  # where writes ended
places = st.integers(0, len(LINES) - 1)


def flaws(data: bytes | list[bytes], head: AuditHead | None = LAST) -> set[Flaw]:
    lines = data if isinstance(data, list) else data.splitlines(keepends=True)
    return {one.flaw for one in verify(lines, PUBLIC, {"elsewhere": head}).found}


def own(what: Action, note: str, head: AuditHead, key: MemoryKey = KEY) -> list[bytes]:
    record = Entry(what, Result.DONE, "uid:1000")
    return [line + b"\n" for line in chain.lines_of([(record, note)], head, key.id, 1.0, key.sign)]


def test_an_untouched_chain_has_nothing_to_tell() -> None:
    report = verify(LINES, PUBLIC, {"elsewhere": LAST})
    assert report.found == ()
    assert (report.intact, report.first, report.records, report.anchored) == (True, 1, 12, 12)
    assert report.head == LAST


def test_without_an_anchor_truncation_is_said_to_be_not_detectable() -> None:
    report = verify(LINES, PUBLIC)
    assert [one.flaw for one in report.found] == [Flaw.NOT_DETECTABLE]
    assert report.intact


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_any_single_byte(place: int, change: int) -> None:
    edited = WHOLE[:place] + bytes([WHOLE[place] ^ change]) + WHOLE[place + 1 :]
    report = verify([line + b"\n" for line in edited.split(b"\n")[:-1]], PUBLIC, {"elsewhere": LAST})
    assert not report.intact or not edited.endswith(b"\n")
    cut = [*[line + b"\n" for line in edited.split(b"\n")[:-1]], *filter(None, [edited.split(b"\n")[-1]])]
    assert not verify(cut, PUBLIC, {"elsewhere": LAST}).intact
    assert any(one.flaw is not Flaw.NOT_DETECTABLE for one in verify(cut, PUBLIC).found)


@given(places, places)
@settings(deadline=None)
def test_any_swap(one: int, other: int) -> None:
    lines = list(LINES)
    lines[one], lines[other] = lines[other], lines[one]
    assert (flaws(lines) & {Flaw.REORDERED, Flaw.REMOVED} != set()) is (one != other)


@given(places, st.integers(1, 4))
@settings(deadline=None)
def test_any_removal(first: int, count: int) -> None:
    lines = LINES[:first] + LINES[first + count :]
    assert flaws(lines) & {Flaw.REMOVED, Flaw.TRUNCATED}


@given(places, places)
@settings(deadline=None)
def test_any_repetition(source: int, place: int) -> None:
    lines = [*LINES[:place], LINES[source], *LINES[place:]]
    assert not verify(lines, PUBLIC).intact or (source == place == 0)
    assert Flaw.REORDERED in flaws(lines)


@given(st.integers(0, len(WHOLE) - 1))
@settings(max_examples=150, deadline=None)
def test_any_truncation(size: int) -> None:
    cut = WHOLE[:size].split(b"\n")
    lines = [line + b"\n" for line in cut[:-1]] + [line for line in cut[-1:] if line]
    assert Flaw.TRUNCATED in flaws(lines)  # the anchor knows
    alone = {one.flaw for one in verify(lines, PUBLIC).found}
    assert Flaw.NOT_DETECTABLE in alone
    assert alone <= {Flaw.NOT_DETECTABLE, Flaw.TORN, Flaw.EMPTY}  # a crash is never taken for tampering
    assert (Flaw.TORN in alone) is (len(cut) - 1 not in {0, *ENDS} or cut[-1] != b"")


def test_records_behind_the_newest_anchor_are_not_covered() -> None:
    report = verify(LINES, PUBLIC, {"a": head_of(LINES, 2), "b": head_of(LINES, 6), "c": None})
    assert [one.flaw for one in report.found] == [Flaw.NOT_DETECTABLE]
    assert report.anchored == 6
    assert "up to 6" in report.found[0].message


def test_another_history_with_the_same_key_is_seen_by_an_anchor_only() -> None:
    forged = chain_of(KEY, [2] * 6)
    assert verify(forged, PUBLIC).intact
    assert Flaw.REPLACED in flaws(forged)


def test_another_key() -> None:
    forged = chain_of(OTHER, [1] * 12)
    assert Flaw.UNKNOWN_KEY in flaws(forged)
    assert Flaw.WRONG_KEY in {
        one.flaw for one in verify(LINES + chain_of(OTHER, [1], LAST), {**PUBLIC, OTHER.id: OTHER.public}).found
    }


def test_what_has_the_key_and_does_not_belong_there() -> None:
    """Records of another writer behind ours, and a first one that follows something."""
    other = AuditHead("ci/other/0", LAST.seq, LAST.hash)
    assert Flaw.EDITED in flaws(LINES + chain_of(KEY, [1], other))
    assert Flaw.EDITED in flaws(chain_of(KEY, [1] * 12, AuditHead(WRITER, 0, "a" * 64)))


def test_records_appended_by_somebody_without_the_key() -> None:
    added = chain_of(OTHER, [1], LAST)
    assert Flaw.UNKNOWN_KEY in flaws(LINES + added)
    claimed = added[0].replace(OTHER.id.encode(), KEY.id.encode())
    assert Flaw.BAD_SIGNATURE in flaws([*LINES, claimed])


def test_a_handover_is_followed_when_the_old_key_signs_it_and_only_then() -> None:
    handover = own(Action.HANDOVER, OTHER.public.hex(), LAST)
    after = AuditHead(WRITER, 13, chain.digest(handover[0][:-1]))
    assert verify([*LINES, *handover, *chain_of(OTHER, [2], after)], PUBLIC).intact
    assert Flaw.WRONG_KEY in flaws([*LINES, *handover, *chain_of(KEY, [1], after)])
    unsigned = handover[0][:-1].partition(b',"signature"')[0] + b"}"
    after = AuditHead(WRITER, 13, chain.digest(unsigned))
    assert Flaw.UNKNOWN_KEY in flaws([*LINES, unsigned + b"\n", *chain_of(OTHER, [1], after)])


def test_a_beginning_is_explained_by_a_signed_record_only() -> None:
    retention = own(Action.RETENTION, "3", LAST)
    explained = [*LINES[2:], *retention]
    assert [one.flaw for one in verify(explained, PUBLIC).found] == [Flaw.RETENTION, Flaw.NOT_DETECTABLE]
    assert Flaw.REMOVED in flaws([*LINES[5:], *retention])
    unsigned = retention[0][:-1].partition(b',"signature"')[0] + b"}\n"
    assert Flaw.REMOVED in flaws([*LINES[2:], unsigned])


@pytest.mark.parametrize("note", ["", "ab", "zz", "00" * 31])
def test_a_handover_to_nothing_does_not_break_verification(note: str) -> None:
    assert not verify([*LINES, *own(Action.HANDOVER, note, LAST), *chain_of(OTHER, [1], LAST)], PUBLIC).intact


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_rubbish_is_told_and_raises_nothing(rubbish: bytes) -> None:
    verify(rubbish.splitlines(keepends=True), PUBLIC)
    with pytest.raises(ValueError):  # noqa: PT011 - the text is for users, and of many kinds
        chain.decode(rubbish)


texts = st.text(max_size=30) | st.text(alphabet=st.characters(), min_size=990, max_size=1100)


@given(texts, texts, texts, st.none() | st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_every_text_survives(secret: str, why: str, task: str, version: int | None) -> None:
    written = Entry(Action.USE, Result.DENIED, "claimed:a", secret=secret, why=why, task=task, version=version)
    (line,) = chain.lines_of([(written, "")], AuditHead(WRITER, 0, chain.NOTHING), KEY.id, 1.5, KEY.sign)
    record, signed, signature = chain.decode(line)
    assert record.entry == written
    assert not record.entry.verified
    assert chain.seconds(record.time) == 1.5
    assert keys.confirms(KEY.public, signed, signature)
    assert b"\n" not in line
    assert line.isascii()


def test_an_entry_says_who() -> None:
    with pytest.raises(Exception, match="nobody"):
        Entry(Action.READ, Result.DONE, "claimed:")
    assert entry().verified


def test_no_text_of_an_entry_is_longer_than_a_line_may_be() -> None:
    """Names of tasks and of plays come from outside."""
    assert Entry(Action.READ, Result.DONE, "uid:1", task="x" * 5000).task == "x" * 997 + "..."
