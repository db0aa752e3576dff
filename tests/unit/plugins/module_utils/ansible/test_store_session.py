# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an address to a session: which store, as whom, by which rules, and what is recorded of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.audit import chain
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.keys import create_audit_key
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import read_lines
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_chain import audit_directory
from ansible_collections.hodei.workers.plugins.module_utils.ansible.store_session import StoreSession, open_session
from ansible_collections.hodei.workers.plugins.module_utils.broker.sessions import digest_of
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Result
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, InvalidDocument, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import (
    Fault,
    Retrieved,
    Stage,
    StoreError,
    Version,
)
from ansible_collections.hodei.workers.tests.support.fleets import OWNER
from ansible_collections.hodei.workers.tests.support.secret_fleets import SecretFleet

NAME, CANARY = SecretName("db/password"), "".join(("Can", "ary"))
BY = {"play": "P", "task": "T", "host": "h", "access": None}
NOBODY = 65534
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")


def address(place: Path, **more: Any) -> dict[str, Any]:
    """Return an address of a store below a directory."""
    return {"store": "local", "config": {}, "owner": "me", "backend": {"path": str(place)}, "state_dir": None, **more}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An owner's directory, where a chain was begun."""
    create_audit_key(audit_directory(tmp_path))
    return tmp_path


def take() -> Retrieved:
    """Return a value from memory."""
    return Retrieved(SecretValue(CANARY.encode()), Version(3, 0.0, Stage.CURRENT))


def refused() -> Retrieved:
    """Fail, where nothing may be asked."""
    raise AssertionError("a denied access makes no call")


def records(place: Path) -> list[chain.Record]:
    """Return what the chain has of secrets."""
    lines = list(read_lines(audit_directory(place)))
    assert CANARY.encode() not in b"".join(lines)
    found = [chain.decode(line.removesuffix(b"\n"))[0] for line in lines]
    return [one for one in found if one.entry.secret]


@pytest.fixture
def session(place: Path) -> Iterator[StoreSession]:
    """A session that is not logged in."""
    made = open_session(address(place))
    yield made
    made.close()


def test_an_owner_that_nobody_made(tmp_path: Path) -> None:
    """Most often the name is mistyped; those that there are come with the error."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "fleet.key").touch()
    with pytest.raises(HodeiError, match=f"there is no store of secrets at .*shpo.* Owners in {tmp_path}: shop"):
        open_session(address(tmp_path / "shpo")).login()


def test_each_use_is_recorded_with_who_what_and_where(session: StoreSession, place: Path) -> None:
    """A value from memory, too."""
    for _unused in range(2):
        assert session.use(NAME, Stage.CURRENT, BY, take).version.number == 3
    first, second = records(place)
    entry = first.entry
    assert (entry.play, entry.task, entry.host, entry.store) == ("P", "T", "h", "local")
    assert (entry.who, entry.secret, entry.version) == (f"uid:{os.geteuid()}", "db/password", 3)
    assert second.seq == first.seq + 1


def test_only_the_first_use_of_a_version_waits_for_the_disk(
    session: StoreSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred lookups would wait two hundred times."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    monkeypatch.setattr(os, "fdatasync", synced.append)
    session.use(NAME, Stage.CURRENT, BY, take)
    before = len(synced)
    assert before
    session.use(NAME, Stage.CURRENT, BY, take)
    assert len(synced) == before
    session.use(SecretName("another"), Stage.CURRENT, BY, take)
    assert len(synced) > before


def test_what_cannot_be_recorded_is_not_given(session: StoreSession, place: Path) -> None:
    """The chain decides."""
    for path in (audit_directory(place) / "keys").iterdir():
        path.unlink()
    with pytest.raises(HodeiError):
        session.use(NAME, Stage.CURRENT, BY, take)
    shutil.rmtree(audit_directory(place))  # else the end of the session would tell, too


def test_a_failed_read_is_recorded(session: StoreSession, place: Path) -> None:
    """As one that failed."""

    def missing() -> Retrieved:
        raise StoreError(Fault.NOT_FOUND, "there is no such secret", where=NAME.path)

    with pytest.raises(StoreError):
        session.use(NAME, Stage.CURRENT, BY, missing)
    assert [one.entry.result for one in records(place)] == [Result.FAILED]


@root
def test_another_users_secret_takes_a_rule(place: Path) -> None:
    """Without one nothing is asked of the store, and the denial is recorded."""
    os.chown(place, NOBODY, NOBODY)
    session = open_session(address(place))
    with pytest.raises(HodeiError) as caught:
        session.use(NAME, Stage.CURRENT, BY, refused)
    assert caught.value.kind is Kind.AUTHORIZATION
    assert [one.entry.result for one in records(place)] == [Result.DENIED]
    allowed = BY | {"access": [{"subject": f"uid:{os.geteuid()}", "actions": ["read"]}]}
    assert session.use(NAME, Stage.CURRENT, allowed, take).version.number == 3
    others = BY | {"access": [{"subject": "uid:12345", "actions": ["read"]}]}
    with pytest.raises(HodeiError):
        session.use(NAME, Stage.CURRENT, others, refused)


@root
def test_what_a_play_says_does_not_widen_what_was_converged(place: Path) -> None:
    """The rules of the last converge count; another converge changes them at once."""
    fleet = SecretFleet(place)
    me = {"subject": f"uid:{os.geteuid()}", "actions": ["read"]}
    assert not fleet.converge([{"name": NAME.path, "value": CANARY}]).failed
    os.chown(place, NOBODY, NOBODY)
    session = open_session(address(place, owner=OWNER))
    with pytest.raises(HodeiError):
        session.use(NAME, Stage.CURRENT, BY | {"access": [me]}, refused)
    assert not fleet.converge([{"name": NAME.path, "value": CANARY, "access": [me]}]).failed
    assert session.use(NAME, Stage.CURRENT, BY, take).version.number == 3
    assert not fleet.converge([{"name": NAME.path, "value": CANARY}]).failed
    with pytest.raises(HodeiError):
        session.use(NAME, Stage.CURRENT, BY | {"access": [me]}, refused)


def test_rules_that_cannot_be_read_allow_nothing(session: StoreSession) -> None:
    """And are told with their place."""
    with pytest.raises(InvalidDocument, match=r"secrets\.db/password\.access"):
        session.use(NAME, Stage.CURRENT, BY | {"access": [{"subject": "uid:1", "actions": ["fly"]}]}, refused)


def test_without_a_chain_nothing_is_recorded_and_none_is_begun(tmp_path: Path) -> None:
    """That is for init."""
    session = open_session(address(tmp_path))
    session.use(NAME, Stage.CURRENT, BY, take)
    assert not list(tmp_path.iterdir())


def test_it_makes_no_difference_where_a_setting_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of plays have no variables of hosts."""
    monkeypatch.setenv("HODEI_OWNER", "me")
    monkeypatch.setenv("HODEI_STATE_DIR", str(tmp_path))
    ways: list[dict[str, Any]] = [{"owner": "me", "state_dir": None}, {"owner": None, "state_dir": str(tmp_path)}]
    ways.append({"backend": {"path": str(tmp_path / "me"), "allow_ephemeral": True}})
    identities = [open_session(address(tmp_path, **({"backend": None} | way))).identity for way in ways]
    assert identities[0] == identities[1] == identities[2]
    assert open_session(address(tmp_path, owner="you", backend=None)).identity != identities[0]


@pytest.mark.parametrize(
    "other",
    [
        {"store": "second"},
        {"config": {"path": "/elsewhere"}},
        {"config": {"key": {"env": "ANOTHER"}}},
        {"others": {"second": {"path": "/elsewhere"}}},
        {"backend": {"path": "/elsewhere"}},
        {"audit": {"on_failure": "warn"}},
        {"identity": {"claimed": "eve"}},
    ],
)
def test_what_makes_another_session_is_in_its_identity(tmp_path: Path, other: dict[str, Any]) -> None:
    """Where a store is, what opens it, who asks and what is recorded: whoever says another one gets nothing that was read for this."""
    one, two = (digest_of(open_session(address(tmp_path, **more)).identity) for more in ({}, other))
    assert digest_of(open_session(address(tmp_path)).identity) == one
    assert one != two


def test_without_an_owner_it_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a type that there is not is told by the store's name."""
    monkeypatch.delenv("HODEI_OWNER", raising=False)
    with pytest.raises(InvalidDocument, match="hodei_owner"):
        open_session(address(tmp_path, owner=None))
    with pytest.raises(HodeiError, match=r"stores\.local"):
        open_session(address(tmp_path, config={"type": "vault"}))
