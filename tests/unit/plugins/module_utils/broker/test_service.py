# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked and answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.broker.service import Service
from ansible_collections.hodei.workers.plugins.module_utils.broker.sessions import Sessions, digest_of
from ansible_collections.hodei.workers.plugins.module_utils.broker.wire import Frame
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Retrieved, Stage, Version
from ansible_collections.hodei.workers.tests.support.broker_program import Noted, canary, noted
from ansible_collections.hodei.workers.tests.support.brokers import read


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """What is done to the store."""
    path = tmp_path / "journal"
    path.touch()
    return path


@pytest.fixture
def service(journal: Path) -> Service:
    """A service; a mark is the value itself."""
    return Service(noted(journal), bytes.hex)


def refused(frame: Frame) -> dict[str, str]:
    """Return the error of an answer that has no value."""
    assert not frame.body
    return dict(frame.head["error"])


def test_a_value_goes_as_bytes_with_its_version(service: Service) -> None:
    """Neither the head nor what a log would show of the answer has it."""
    frame = service.answer(read("a"))
    assert (frame.head, frame.body) == ({"version": 7}, canary("a").encode())
    assert repr(frame) == "Frame(hidden)"


def test_versions_and_tenants_are_told_apart(service: Service, journal: Path) -> None:
    """A number, a stage, and the same name of another tenant."""
    for more in ({}, {"version": "pending"}, {"version": 3}, {"tenant": "acme"}, {"tenant": "acme", "version": 7}):
        service.answer(read("a", **more))
    reads = [line for line in journal.read_text().splitlines() if line.startswith("read")]
    assert len(reads) == 4


@pytest.mark.parametrize("version", ["newest", "", True, None])
def test_a_version_that_is_none_is_told(service: Service, journal: Path, version: Any) -> None:
    """Before anything is asked of a store."""
    told = refused(service.answer(read("a", version=version)))
    assert told["kind"] == "validation"
    assert "pending" in told["hint"]
    assert not journal.read_text()


@pytest.mark.parametrize("name", ["../x", "a//b", "", "a\u0430"])
def test_a_name_that_would_escape_is_told(service: Service, journal: Path, name: str) -> None:
    """By the grammar of names."""
    assert refused(service.answer(read(name)))["kind"] == "validation"
    assert not journal.read_text()


def test_a_field_of_what_has_none_says_nothing_of_the_value(service: Service) -> None:
    """And names the secret."""
    told = refused(service.answer(read("db/password", field="user")))
    assert told["where"] == "db/password"
    assert canary("db/password") not in json.dumps(told)


def test_what_nobody_foresaw_says_its_type_and_no_text(journal: Path) -> None:
    """The text of a foreign exception may hold anything."""

    class Broken(Noted):
        def read(self, name: SecretName, which: Any) -> Retrieved:
            """Fail as no store may."""
            raise RuntimeError(canary("a"))

    service = Service(lambda address: Broken({}, lambda _line: None), bytes.hex)
    told = refused(service.answer(read("a")))
    assert "RuntimeError" in told["message"]
    assert canary("a") not in json.dumps(told)
    assert refused(service.answer({"op": "sing"}))["kind"] == "internal"
    assert refused(service.answer({}))["kind"] == "internal"


def test_what_was_given_is_known_and_nothing_else(service: Service) -> None:
    """By its mark, and within a text; what was read and not given (another field, say) is not."""
    service.answer(read("a"))
    asked = [canary(name).encode().hex() for name in ("a", "b")]
    assert service.answer({"op": "known", "marks": asked, "texts": ["", ""]}).head == {"known": [True, False]}
    texts = [f"db://user:{canary(name)}@host" for name in ("a", "b")]
    assert service.answer({"op": "known", "marks": ["", ""], "texts": texts}).head == {"known": [True, False]}


def test_forgotten_is_read_again(service: Service, journal: Path) -> None:
    """Whoever writes a secret has it forgotten."""
    service.answer(read("a"))
    assert service.answer({"op": "forget"}).head == {}
    service.answer(read("a"))
    assert journal.read_text().count("read") == 2
    assert service.answer({"op": "status"}).head == {"logins": 1}


def test_a_login_is_lent_and_not_made_twice(service: Service, journal: Path) -> None:
    """To whoever comes first it is made; what cannot be logged in to is told."""
    address = read("a")["address"]
    assert service.answer({"op": "lend", "address": address}) == Frame({}, b"session")
    service.answer(read("a"))
    service.answer({"op": "lend", "address": address})
    assert [line.partition(" ")[0] for line in journal.read_text().splitlines()] == [
        "login",
        "lend",
        "use",
        "read",
        "lend",
    ]
    wrong = read("a", config={"login": "wrong password"})["address"]
    assert refused(service.answer({"op": "lend", "address": wrong}))["kind"] == "authentication"


def test_nothing_is_logged_in_to_that_nobody_may_read() -> None:
    """Who decides does so before the store is asked for anything: a refusal makes no call."""
    calls: list[str] = []

    class Strict(Noted):
        def use(self, *_unused: Any) -> Retrieved:
            """Refuse."""
            raise HodeiError(Kind.AUTHORIZATION, "not you")

    service = Service(lambda address: Strict({}, calls.append), bytes.hex)
    assert refused(service.answer(read("a")))["kind"] == "authorization"
    assert not service.close(1.0)
    assert not calls


def test_a_login_is_tried_again_after_a_while_and_at_once_when_that_can_help() -> None:
    """A wrong password stays wrong for ten seconds; a network may be back in one."""
    now, calls, problem = [0.0], [], [HodeiError(Kind.AUTHENTICATION, "no")]

    class Failing(Noted):
        def login(self) -> None:
            """Fail."""
            calls.append(1)
            raise problem[0]

    sessions = Sessions(lambda address: Failing({}, lambda _line: None), lambda: now[0])

    def ask() -> None:
        with pytest.raises(HodeiError):
            sessions.get({}).read(SecretName("a"), Stage.CURRENT)

    ask()
    ask()
    assert len(calls) == 1
    now[0] = 11.0
    ask()
    assert len(calls) == 2
    problem[0] = HodeiError(Kind.NETWORK, "no")
    now[0] = 22.0
    ask()
    ask()
    assert len(calls) == 4


def test_a_logout_is_tried_again_while_that_can_help(journal: Path) -> None:
    """For as long as there is time."""
    for kind, most in (("network", 10), ("authorization", 1)):
        service = Service(noted(journal), bytes.hex)
        service.answer(read("a", config={"logout": "no", "kind": kind}))
        (said,) = service.close(0.5)
        assert said == "could not log out (no); it ends by itself at 2100-01-01T00:00:00Z"
        assert 1 <= journal.read_text().count("logout") <= most
        assert (journal.read_text().count("logout") > 1) == (kind == "network")
        journal.write_text("")


def test_two_ways_to_write_the_same_are_one_login(journal: Path) -> None:
    """A play's name has no variables of hosts: what they say may come from the environment there."""
    service = Service(noted(journal), bytes.hex)
    for store in ("a", "b"):
        service.answer({**read("x"), "address": {"store": store, "config": {}}})
    assert service.answer({"op": "status"}).head == {"logins": 1}
    assert journal.read_text().count("read") == 1


def test_an_address_is_told_from_another_by_all_of_it() -> None:
    """And not by the order of its keys."""
    one = {"store": "a", "config": {"url": "u", "auth": {"role": "r"}}}
    assert digest_of(one) == digest_of({"config": {"auth": {"role": "r"}, "url": "u"}, "store": "a"})
    assert digest_of(one) != digest_of({**one, "config": {"url": "u", "auth": {"role": "s"}}})


def test_values_show_nothing_of_themselves() -> None:
    """In whatever a debugger or a traceback with locals would show of an entry."""
    found = Retrieved(SecretValue(b"Canary"), Version(1, 0.0))
    assert "Canary" not in repr((found, Frame({}, b"Canary")))
