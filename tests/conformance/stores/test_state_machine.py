# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any sequence of calls on a store, held against lists and labels: each answer, each fault and all that is left are the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Fault, Metadata, Stage, StoreError
from ansible_collections.hodei.workers.tests.conformance.stores.conftest import RIGS
from ansible_collections.hodei.workers.tests.conformance.stores.rigs import value
from ansible_collections.hodei.workers.tests.support.places import quick_directory

NAMES = [SecretName("a"), SecretName("a", "acme")]
names = st.sampled_from(NAMES)
texts = st.sampled_from(["", "one"])
#: Versions mostly by what they are, so that most calls mean something.
numbers = st.sampled_from([*Stage, *Stage, 1, 2, 9])
guesses = st.sampled_from([*[None] * 6, Stage.CURRENT, 0, 2])
seldom = st.sampled_from([False, False, False, True])
tokens = st.sampled_from(["", "t", "u"])


class Refused(Exception):
    """What the model answers instead of doing something."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass
class Modelled:
    """A secret as plainly as it can be: texts by number (None: destroyed), labels, tokens."""

    last: int = 0
    texts: dict[int, str | None] = field(default_factory=dict)
    labels: dict[Stage, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    deleted: bool = False
    tag: str = ""

    def require(self, number: int | None = None, *, live: bool = True) -> None:
        if not self.texts:
            raise Refused(Fault.NOT_FOUND)
        if live and self.deleted:
            raise Refused(Fault.DELETED)
        if number is not None and number not in self.texts:
            raise Refused(Fault.NOT_FOUND)

    def expect(self, expected: int | None) -> None:
        if expected is not None and expected != self.labels.get(Stage.CURRENT, 0):
            raise Refused(Fault.CONFLICT)

    def add(self, text: str, stage: Stage, expected: int | None, token: str) -> int:
        if self.texts:
            self.require()
        if token in self.tokens:
            number = self.tokens[token]
            unpromoted = self.labels.get(Stage.PENDING) == number and stage is Stage.CURRENT
            if self.texts[number] != text or unpromoted:
                raise Refused(Fault.CONFLICT)
            return number
        self.expect(expected)
        if stage in self.labels and stage is Stage.PENDING:
            raise Refused(Fault.CONFLICT)
        self.last += 1
        self.texts[self.last] = text
        if token:
            self.tokens[token] = self.last
        self.label(stage, self.last)
        return self.last

    def label(self, stage: Stage, number: int) -> None:
        if stage is Stage.CURRENT and stage in self.labels:
            self.labels[Stage.PREVIOUS] = self.labels[stage]
        self.labels[stage] = number

    def stage_of(self, number: int) -> Stage | None:
        return next((stage for stage, one in self.labels.items() if one == number), None)

    def promote(self, number: int, expected: int | None) -> None:
        self.require(number)
        if self.stage_of(number) is Stage.CURRENT:
            return
        if self.stage_of(number) is not Stage.PENDING:
            raise Refused(Fault.CONFLICT)
        self.expect(expected)
        del self.labels[Stage.PENDING]
        self.label(Stage.CURRENT, number)

    def rollback(self, number: int) -> None:
        self.require(number)
        if self.stage_of(number) is Stage.PENDING:
            self.drop(number)
        elif self.stage_of(number) is Stage.CURRENT:
            if Stage.PREVIOUS not in self.labels:
                raise Refused(Fault.NOT_FOUND)
            self.labels = {**self.labels, Stage.CURRENT: self.labels[Stage.PREVIOUS], Stage.PREVIOUS: number}

    def retire(self, number: int) -> None:
        self.require(number)
        if self.stage_of(number) in (Stage.CURRENT, Stage.PENDING):
            raise Refused(Fault.CONFLICT)
        self.drop(number)

    def drop(self, number: int) -> None:
        self.texts[number] = None
        self.labels = {stage: one for stage, one in self.labels.items() if one != number}

    def mark(self, deleted: bool) -> None:
        self.require(live=False)
        self.deleted = deleted


class Machine(RuleBasedStateMachine):
    """One store, whose handle is another at any time."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.rig: Any = RIGS[self.kind](self.stack.enter_context(quick_directory()))
        self.store = self.rig.open()
        self.model = {name: Modelled() for name in NAMES}

    def both(self, call: Callable[[], Any], modelled: Callable[[], Any]) -> None:
        """Do the same to both; the answers (a number, or nothing) or the faults are the same."""
        wanted: Any = None
        answer: Any = None
        fault = told = None
        try:
            wanted = modelled()
        except Refused as refused:
            fault = refused.fault
        try:
            answer = call()
        except StoreError as error:
            told = error.fault
        assert told == fault
        assert wanted is None or answer.number == wanted

    def number(self, name: SecretName, which: Any) -> Any:
        """Return the number of what was drawn; nothing stays nothing."""
        return self.model[name].labels.get(which, 0) if isinstance(which, Stage) else which

    @rule()
    def by_another_process(self) -> None:
        self.store.close()
        self.store = self.rig.open()

    @rule(name=names, text=texts, expected=guesses, token=tokens)
    def put(self, name: SecretName, text: str, expected: Any, token: str) -> None:
        expected = self.number(name, expected)
        self.both(
            lambda: self.store.put(name, value(text), expected=expected, token=token),
            lambda: self.model[name].add(text, Stage.CURRENT, expected, token),
        )

    @rule(name=names, text=texts, expected=guesses, token=tokens)
    def stage(self, name: SecretName, text: str, expected: Any, token: str) -> None:
        expected = self.number(name, expected)
        self.both(
            lambda: self.store.stage(name, value(text), expected=expected, token=token),
            lambda: self.model[name].add(text, Stage.PENDING, expected, token),
        )

    @rule(name=names, number=numbers, expected=guesses)
    def promote(self, name: SecretName, number: Any, expected: Any) -> None:
        number, expected = self.number(name, number), self.number(name, expected)
        self.both(
            lambda: self.store.promote(name, number, expected=expected),
            lambda: self.model[name].promote(number, expected),
        )

    @rule(name=names, text=texts, steps=st.sampled_from(["promote", "promote", "promote rollback", "promote retire"]))
    def rotate(self, name: SecretName, text: str, steps: str) -> None:
        """Do what a rotation does, which calls drawn one by one seldom do."""
        self.stage(name, text, None, "")
        for step in steps.split():
            which = {"promote": Stage.PENDING, "rollback": Stage.CURRENT, "retire": Stage.PREVIOUS}[step]
            getattr(self, step)(name, which, *([None] if step == "promote" else []))

    @rule(name=names, number=numbers)
    def rollback(self, name: SecretName, number: Any) -> None:
        number = self.number(name, number)
        self.both(lambda: self.store.rollback(name, number), lambda: self.model[name].rollback(number))

    @rule(name=names, number=numbers)
    def retire(self, name: SecretName, number: Any) -> None:
        number = self.number(name, number)
        self.both(lambda: self.store.retire(name, number), lambda: self.model[name].retire(number))

    @rule(name=names, deleted=seldom)
    def delete_or_restore(self, name: SecretName, deleted: bool) -> None:
        call = self.store.delete if deleted else self.store.restore
        self.both(lambda: call(name), lambda: self.model[name].mark(deleted))

    @rule(name=names, tag=texts)
    def annotate(self, name: SecretName, tag: str) -> None:
        def modelled() -> None:
            self.model[name].require(live=False)
            self.model[name].tag = tag

        self.both(lambda: self.store.annotate(name, Metadata(tags={"tag": tag} if tag else {})), modelled)

    @rule(name=names, really=seldom)
    def destroy(self, name: SecretName, really: bool) -> None:
        if really:
            self.store.destroy(name)
            self.model[name] = Modelled(self.model[name].last)

    @invariant()
    def the_same_is_there(self) -> None:
        infos = {info.name: info for info in self.store.list()}
        assert set(infos) == {name for name, one in self.model.items() if one.texts}
        for name, info in infos.items():
            model = self.model[name]
            assert (info.deleted_at is not None) == model.deleted
            assert info.metadata.tags.get("tag", "") == model.tag
            shown = {one.number: (one.destroyed, one.stage) for one in info.versions}
            # What has no stage may be forgotten; nothing else may.
            assert set(shown) >= set(model.labels.values())
            assert shown.items() <= {n: (t is None, model.stage_of(n)) for n, t in model.texts.items()}.items()
            for gone in set(model.texts) - set(shown):
                del model.texts[gone]
                model.tokens = {token: number for token, number in model.tokens.items() if number != gone}
            if not model.deleted:
                for stage, number in model.labels.items():
                    assert self.store.get(name, stage).value == value(model.texts[number] or "")

    def teardown(self) -> None:
        self.rig.close()
        self.stack.close()


@pytest.mark.parametrize("kind", RIGS)
def test_any_sequence(kind: str) -> None:
    run_state_machine_as_test(
        type("Bound", (Machine,), {"kind": kind}),
        settings=settings(
            max_examples=50,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
