# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Anchors: each remembers the latest head, refuses an older one, and makes a cut tail seen."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.audit import relp
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.anchors import (
    FileAnchor,
    GivenAnchor,
    StateAnchor,
    StoreAnchor,
    SyslogAnchor,
)
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import segments
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.verify import Flaw
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.writer import Rotation
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Anchor, AuditHead
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import create_key_file, key_source
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import LocalStore
from ansible_collections.hodei.workers.tests.support.audit_chains import NOW, SMALL, WRITER, entry, opened, verified


def in_state(place: Path) -> Anchor:
    state = SqliteState(place / "state.db")
    state.initialise("ci", "0c6f2a5e", NOW)
    return StateAnchor(state)


def in_store(place: Path) -> Anchor:
    create_key_file(place / "key")
    store = LocalStore(place / "secrets.db", key_source({"file": str(place / "key")}))
    store.initialise(allow_ephemeral=True)
    return StoreAnchor(store, "local")


ANCHORS: dict[str, Callable[[Path], Anchor]] = {"state": in_state, "store": in_store, "file": FileAnchor}


@pytest.fixture(params=ANCHORS)
def anchor(request: pytest.FixtureRequest, tmp_path: Path) -> Anchor:
    place = tmp_path / "elsewhere"
    place.mkdir()
    return ANCHORS[request.param](place)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def test_the_latest_head_is_remembered_for_each_writer(anchor: Anchor) -> None:
    assert anchor.get(WRITER) is None
    for head in (AuditHead(WRITER, 2, "a" * 64), AuditHead("ci/other/0", 9, "b" * 64), AuditHead(WRITER, 5, "c" * 64)):
        anchor.put(head)
    assert anchor.get(WRITER) == AuditHead(WRITER, 5, "c" * 64)
    assert anchor.get("ci/other/0") == AuditHead("ci/other/0", 9, "b" * 64)


def test_an_older_head_and_another_of_the_same_number_are_refused(anchor: Anchor) -> None:
    head = AuditHead(WRITER, 5, "c" * 64)
    anchor.put(head)
    anchor.put(head)
    for wrong in (AuditHead(WRITER, 4, "d" * 64), AuditHead(WRITER, 5, "d" * 64)):
        with pytest.raises(HodeiError) as caught:
            anchor.put(wrong)
        assert caught.value.kind is Kind.CONFLICT
        assert anchor.name in caught.value.message
    assert anchor.get(WRITER) == head


def test_of_two_who_tell_a_store_at_once_the_slower_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has looked at is not what is there any more: an older head would come to lie over a newer one."""
    anchor = in_store(tmp_path)
    anchor.put(AuditHead(WRITER, 1, "a" * 64))
    before = anchor._read(SecretName(f"hodei-audit/{WRITER}"))  # type: ignore[attr-defined]
    anchor.put(AuditHead(WRITER, 3, "c" * 64))
    with monkeypatch.context() as slow:
        slow.setattr(anchor, "_read", lambda _name: before)
        with pytest.raises(HodeiError) as caught:
            anchor.put(AuditHead(WRITER, 2, "b" * 64))
    assert caught.value.kind is Kind.CONFLICT
    assert anchor.get(WRITER) == AuditHead(WRITER, 3, "c" * 64)


def test_a_chain_that_was_cut_is_found_by_its_anchor(anchor: Anchor, place: Path) -> None:
    audit = opened(place)
    audit.record(entry("a"))
    (path,) = segments(place)
    short = path.read_bytes()
    audit.record(entry("b"))
    audit.anchor(anchor)
    assert verified(place, {anchor.name: anchor.get(WRITER)}).found == ()
    path.write_bytes(short)
    known = anchor.get(WRITER)
    assert {one.flaw for one in verified(place, {anchor.name: known}).found} == {Flaw.TRUNCATED, Flaw.NOT_DETECTABLE}
    later = opened(place)
    with pytest.raises(HodeiError, match="cut off"):
        later.anchor(anchor)
    for name in ("c", "d", "e"):  # it grows beyond what the anchor has seen
        later.record(entry(name))
    with pytest.raises(HodeiError, match="cut off"):
        later.anchor(anchor)
    assert anchor.get(WRITER) == known
    assert Flaw.REPLACED in {one.flaw for one in verified(place, {anchor.name: known}).found}


def test_a_chain_goes_on_behind_its_anchor_through_segments_and_retention(place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    anchor = FileAnchor(tmp_path / "elsewhere")
    audit = opened(place, rotation=SMALL)
    for number in range(20):
        audit.record(entry(str(number)))
        audit.anchor(anchor)
    assert len(segments(place)) > 3
    assert verified(place, {"there": anchor.get(WRITER)}).found == ()
    forgetful = opened(place, rotation=Rotation(most_bytes=100, keep=1.0), clock=lambda: NOW + 1000)
    forgetful.record(entry("x"))
    forgetful.record(entry("y"))
    assert int(segments(place)[0].stem) > 1
    forgetful.anchor(anchor)
    assert [one.flaw for one in verified(place, {"there": anchor.get(WRITER)}).found] == [Flaw.RETENTION]


def test_nothing_is_anchored_before_the_first_record(place: Path, tmp_path: Path) -> None:
    opened(place).anchor(FileAnchor(tmp_path / "nowhere"))


def test_a_head_on_paper() -> None:
    anchor = GivenAnchor(f" 12:{'a' * 64}\n")
    assert anchor.get(WRITER) == AuditHead(WRITER, 12, "a" * 64)
    for wrong in ("", "12", "x:" + "a" * 64, "12:abc"):
        with pytest.raises(HodeiError, match="no head"):
            GivenAnchor(wrong)


def test_an_anchor_that_cannot_be_written_or_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(HodeiError, match="cannot be anchored"):
        FileAnchor(tmp_path / "nowhere").put(AuditHead(WRITER, 1, "a" * 64))
    (tmp_path / f"{WRITER.replace('/', '_')}.json").write_text("[]")
    with pytest.raises(HodeiError, match="damaged"):
        FileAnchor(tmp_path).get(WRITER)


# ---- RELP: what a server may answer --------------------------------------------------------------------------------


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], tuple[str, int]]]:
    """Start a server that says these bytes to whoever comes, and reads."""
    threads: list[threading.Thread] = []

    def start(answer: bytes) -> tuple[str, int]:
        listening = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            with listening, listening.accept()[0] as connection:
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return listening.getsockname()

    yield start
    for thread in threads:
        thread.join(10)


OPENED = b"1 rsp 6 200 OK\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        OPENED,
        OPENED + b"2 rsp 6 200",
        OPENED + b"2 rsp 6 500 no\n",
        OPENED + b"3 rsp 6 200 OK\n",
        OPENED + b"0 serverclose 0\n",
        OPENED + b"2 rsp 999999999 ",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"1 rsp x\n",
        b"x" * 1000,
    ],
)
def test_what_is_no_acknowledgement_is_none(answering: Callable[[bytes], tuple[str, int]], answer: bytes) -> None:
    with pytest.raises(HodeiError, match="has not acknowledged") as caught:
        relp.send(answering(answer), [b"message"], 10)
    assert caught.value.kind is Kind.NETWORK


def test_an_acknowledged_message_and_a_server_that_is_not_there(answering: Callable[[bytes], tuple[str, int]]) -> None:
    host, port = answering(OPENED + b"2 rsp 6 200 OK\n")
    anchor = SyslogAnchor(host, port, "host1", lambda: NOW)
    anchor.put(AuditHead(WRITER, 1, "a" * 64))
    assert anchor.get(WRITER) is None
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(HodeiError, match="has not acknowledged"):
        SyslogAnchor("127.0.0.1", port, "host1", lambda: NOW).put(AuditHead(WRITER, 1, "a" * 64))
