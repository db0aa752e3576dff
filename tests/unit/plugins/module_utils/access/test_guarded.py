# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that asks first: nothing is called that is denied, and nothing leaves or changes a store without a record."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.guarded import GuardedStore
from ansible_collections.hodei.workers.plugins.module_utils.access.rules import RulePolicy
from ansible_collections.hodei.workers.plugins.module_utils.model.access import AccessContext, AccessRule, Action
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Action as Done
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Entry, Result
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.principal import Principal, Verified
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import (
    Fault,
    Metadata,
    Retrieved,
    SecretInfo,
    Stage,
    Store,
    StoreError,
    Version,
)

NAME, HIDDEN = SecretName("db/password", "acme"), SecretName("hidden/there")
VALUE = SecretValue(b"canary")
INFO = SecretInfo(NAME, (Version(7, 0.0, Stage.CURRENT),))
OWNER = Principal("uid:1000", Verified.UID)
ALICE = Principal("user:alice", Verified.OIDC)
CONTEXT = AccessContext(100.0, "ci-1", "deploy", "get it", why="release 7", correlation="c-1")
#: Each call with its arguments, the action that it needs, and what the record calls it.
CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any], Action, Done]] = {
    "get": ((NAME, Stage.PREVIOUS), {}, Action.READ, Done.READ),
    "put": (
        (NAME, VALUE),
        {"expected": 3, "token": "t", "metadata": Metadata(tags={"a": "b"})},
        Action.WRITE,
        Done.WRITE,
    ),
    "stage": ((NAME, VALUE), {"expected": 3, "token": "t"}, Action.ROTATE, Done.ROTATE),
    "promote": ((NAME, 7), {"expected": 6}, Action.ROTATE, Done.ROTATE),
    "rollback": ((NAME, 7), {}, Action.ROTATE, Done.ROTATE),
    "retire": ((NAME, 7), {}, Action.ROTATE, Done.ROTATE),
    "annotate": ((NAME, Metadata()), {}, Action.WRITE, Done.WRITE),
    "delete": ((NAME,), {}, Action.WRITE, Done.DELETE),
    "restore": ((NAME,), {}, Action.WRITE, Done.RESTORE),
    "destroy": ((NAME,), {}, Action.WRITE, Done.DESTROY),
}
ANSWERS: dict[str, Any] = {
    "get": Retrieved(VALUE, Version(7, 0.0)),
    "put": Version(7, 0.0),
    "stage": Version(7, 0.0),
    "destroy": None,
    "list": [INFO, SecretInfo(HIDDEN, ())],
}


class Spy:
    """A store that notes what it is called with, in the same list as the auditor, and answers, or raises ``error``."""

    def __init__(self, seen: list[Any], error: HodeiError | None = None) -> None:
        self._seen, self._error = seen, error

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._seen.append((name, arguments, named))
            if self._error is not None:
                raise self._error
            return ANSWERS.get(name, INFO)

        return call


class Notes:
    """An auditor that keeps entries, and fails from the ``broken``-th on."""

    def __init__(self, seen: list[Any], broken: int = 99) -> None:
        self._seen, self._broken = seen, broken

    def record(self, *entries: Entry, sync: bool = True) -> None:
        """Keep them."""
        assert sync
        if sum(isinstance(one, Entry) for one in self._seen) >= self._broken:
            raise HodeiError(Kind.CONFIGURATION, "the audit chain cannot be written")
        self._seen.extend(entries)


def guarded(
    seen: list[Any],
    principal: Principal = OWNER,
    *rules: AccessRule,
    error: HodeiError | None = None,
    broken: int = 99,
    context: AccessContext = CONTEXT,
) -> Any:
    """Return a store that a principal may use by these rules."""
    policy = RulePolicy("uid:1000", {NAME.path: rules})
    spy: Any = Spy(seen, error)
    store: Store = GuardedStore(
        spy, principal, policy, Notes(seen, broken), lambda: context, store_name="local", store_id="s-1"
    )
    return store


def entry(what: Done, result: Result, **more: Any) -> Entry:
    """Return what is recorded of the owner's call."""
    said: dict[str, Any] = {
        "who": "uid:1000",
        "secret": NAME.path,
        "store": "local",
        "store_id": "s-1",
        "why": "release 7",
        "correlation": "c-1",
        "play": "deploy",
        "task": "get it",
        "host": "ci-1",
        **more,
    }
    return Entry(what, result, **said)


def call(store: Any, name: str) -> Any:
    """Make one of the calls."""
    arguments, named, _action, _what = CALLS[name]
    return getattr(store, name)(*arguments, **named)


def test_every_call_of_the_port_is_here() -> None:
    port = {name: one for name, one in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
    assert port.keys() - CALLS.keys() == {"fingerprint", "list", "describe", "close"}
    for name, one in port.items():
        assert inspect.signature(getattr(GuardedStore, name)) == inspect.signature(one), name


@pytest.mark.parametrize("name", CALLS)
def test_what_is_allowed_is_passed_on_as_it_is(name: str) -> None:
    arguments, named, action, what = CALLS[name]
    seen: list[Any] = []
    for principal, rules in ((OWNER, ()), (ALICE, (AccessRule("user:alice", frozenset({action})),))):
        seen.clear()
        assert call(guarded(seen, principal, *rules), name) is ANSWERS.get(name, INFO)
        assert [one for one in seen if isinstance(one, tuple)] == [(name, arguments, named)]
    assert {one.what for one in seen if isinstance(one, Entry)} == {what}


@pytest.mark.parametrize("name", CALLS)
def test_a_denied_call_is_recorded_and_not_made(name: str) -> None:
    others = frozenset(Action) - {CALLS[name][2]}
    seen: list[Any] = []
    for principal in (ALICE, Principal("claimed:alice"), Principal("uid:1001", Verified.UID)):
        seen.clear()
        with pytest.raises(StoreError) as refused:
            call(guarded(seen, principal, AccessRule(principal.subject, others)), name)
        assert refused.value.fault is Fault.DENIED
        assert refused.value.kind is Kind.AUTHORIZATION
        assert refused.value.where == NAME.path
        assert refused.value.hint
        assert [(one.result, one.who, one.why) for one in seen] == [
            (Result.DENIED, principal.subject, refused.value.message)
        ]


@pytest.mark.parametrize("name", [name for name in CALLS if name != "get"])
def test_a_change_is_recorded_before_and_after(name: str) -> None:
    seen: list[Any] = []
    call(guarded(seen), name)
    begun, made, done = seen
    what = CALLS[name][3]
    known = 7 if what is Done.ROTATE or name == "put" else None
    asked = 7 if name in ("promote", "rollback", "retire") else None
    assert (begun, made[0], done) == (
        entry(what, Result.BEGUN, version=asked),
        name,
        entry(what, Result.DONE, version=known),
    )


def test_a_read_is_recorded_with_its_version_and_a_use_by_its_worker() -> None:
    seen: list[Any] = []
    call(guarded(seen), "get")
    assert seen[1:] == [entry(Done.READ, Result.DONE, version=7)]
    seen.clear()
    call(guarded(seen, context=AccessContext(100.0, worker="runner")), "get")
    assert (seen[1].what, seen[1].worker) == (Done.USE, "runner")


@pytest.mark.parametrize("name", CALLS)
def test_what_the_store_refuses_is_recorded(name: str) -> None:
    seen: list[Any] = []
    error = StoreError(Fault.CONFLICT, "somebody was quicker")
    with pytest.raises(StoreError) as refused:
        call(guarded(seen, error=error), name)
    assert refused.value is error
    assert (seen[-1].result, seen[-1].why) == (Result.FAILED, "somebody was quicker")


@pytest.mark.parametrize("name", CALLS)
def test_without_a_record_nothing_leaves_and_nothing_changes(name: str) -> None:
    seen: list[Any] = []
    with pytest.raises(HodeiError, match="audit chain"):
        call(guarded(seen, broken=0), name)
    assert name == "get" or not seen
    with pytest.raises(HodeiError, match="audit chain"):  # nor is a denial given up
        call(guarded(seen, ALICE, broken=0), name)


@pytest.mark.parametrize("action", Action)
def test_lists_show_what_may_be_used(action: Action) -> None:
    seen: list[Any] = []
    store = guarded(seen, ALICE, AccessRule("user:alice", frozenset({action})))
    assert [one.name for one in store.list("acme")] == [NAME]
    assert store.describe(NAME) == INFO
    assert seen == [("list", ("acme",), {}), ("describe", (NAME,), {})]
    assert list(guarded(seen).list()) == ANSWERS["list"]
    assert not guarded(seen, ALICE).list()


def test_whether_there_is_a_secret_is_not_told_to_who_may_not_use_it() -> None:
    seen: list[Any] = []
    store = guarded(seen, ALICE)
    told = set()
    for name in (NAME, HIDDEN, SecretName("not/there")):
        with pytest.raises(StoreError) as refused:
            store.describe(name)
        told.add((refused.value.fault, refused.value.message, refused.value.hint))
    assert len(told) == 1
    assert [one.result for one in seen] == [Result.DENIED] * 3


def test_an_expired_identity_lists_nothing() -> None:
    seen: list[Any] = []
    old = Principal("user:alice", Verified.OIDC, until=100.0)
    for make in (lambda store: store.list(), lambda store: store.describe(NAME), lambda store: store.get(NAME)):
        with pytest.raises(StoreError) as refused:
            make(guarded(seen, old, AccessRule("user:alice", frozenset(Action))))
        assert refused.value.fault is Fault.DENIED
    assert [one.result for one in seen] == [Result.DENIED] * 3


def test_what_is_no_secret_is_for_everybody() -> None:
    seen: list[Any] = []
    store = guarded(seen, Principal("claimed:alice"))
    store.fingerprint()
    store.close()
    assert [one[0] for one in seen] == ["fingerprint", "close"]


def used(seen: list[Any], *workers: str, **more: Any) -> Any:
    """Read once for several workers, as somebody who may give it to some."""
    rule = AccessRule("user:alice", frozenset({Action.READ}), {"workers": ["ci-*"]})
    return guarded(seen, ALICE, rule, **more).use(NAME, Stage.CURRENT, workers)


def results(seen: list[Any]) -> list[tuple[Done, Result, str]]:
    return [(one.what, one.result, one.worker) for one in seen if isinstance(one, Entry)]


def test_a_use_by_several_workers_is_read_once_and_recorded_for_each() -> None:
    seen: list[Any] = []
    assert used(seen, "ci-a", "ci-b").value == VALUE
    assert [one[0] for one in seen if isinstance(one, tuple)] == ["get"]
    assert results(seen) == [(Done.USE, Result.DONE, "ci-a"), (Done.USE, Result.DONE, "ci-b")]
    assert {one.version for one in seen if isinstance(one, Entry)} == {7}


def test_what_a_login_takes_is_a_use() -> None:
    """Nobody has seen the value: the record does not say that somebody read it."""
    seen: list[Any] = []
    guarded(seen, context=replace(CONTEXT, login=True)).get(NAME)
    assert results(seen) == [(Done.USE, Result.DONE, "")]


@pytest.mark.parametrize("workers", [("ci-a", "other"), ("other", "ci-a")])
def test_one_worker_that_may_not_have_it_is_one_too_many(workers: tuple[str, ...]) -> None:
    """Nothing is read, and the denial is of that one."""
    seen: list[Any] = []
    with pytest.raises(StoreError) as caught:
        used(seen, *workers)
    assert caught.value.fault is Fault.DENIED
    assert len(seen) == 1
    assert results(seen) == [(Done.USE, Result.DENIED, "other")]


def test_a_use_that_fails_or_cannot_be_recorded_gives_nothing() -> None:
    seen: list[Any] = []
    with pytest.raises(StoreError):
        used(seen, "ci-a", "ci-b", error=StoreError(Fault.NOT_FOUND, "there is no such secret"))
    assert results(seen) == [(Done.USE, Result.FAILED, "ci-a"), (Done.USE, Result.FAILED, "ci-b")]
    with pytest.raises(HodeiError, match="cannot be written"):
        used([], "ci-a", broken=0)
