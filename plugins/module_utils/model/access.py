# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access to secrets: the rules as users write them, the question, the answer, and the port that answers it.

Nothing is allowed unless a rule says so, and every rule stands by itself: one more never takes anything away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from .errors import Problem
from .place import Place
from .principal import CLAIMED, Principal
from .schema_access import ACCESS
from .secret_name import SecretName

if TYPE_CHECKING:  # whoever only asks does not load these
    from .check import Check
    from .normal import Convert


class Action(str, Enum):
    """What can be done with a secret. WRITE includes deleting it; ROTATE is to stage, promote, roll back and retire."""

    READ = "read"
    WRITE = "write"
    ROTATE = "rotate"


@dataclass(frozen=True)
class AccessRule:
    """What one subject may do. ``conditions`` are those of the schema in normal form: all of them have to hold, unknown ones never do."""

    subject: str
    actions: frozenset[Action]
    conditions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Approval:
    """That somebody agrees to one action on one secret. ``until`` (Unix seconds) is when it runs out."""

    by: Principal
    action: Action
    secret: SecretName
    until: float


@dataclass(frozen=True)
class AccessContext:
    """When and for what. ``now`` is in Unix seconds; ``host``, ``play``, ``task`` and ``worker`` are what the run says of itself, and
    ``why`` and ``correlation`` are for the record only; so is ``login``: the value is to prove who we are, and goes nowhere else.
    """

    now: float
    host: str = ""
    play: str = ""
    task: str = ""
    worker: str = ""
    approvals: tuple[Approval, ...] = ()
    why: str = ""
    correlation: str = ""
    login: bool = False


@dataclass(frozen=True)
class Decision:
    """The answer. ``reason`` is a sentence for people, without a full stop, that names no other secret; ``rule`` is what decided."""

    allowed: bool
    reason: str
    rule: AccessRule | None = None


class AccessPolicy(Protocol):
    """Decides who may do what with which secret. Raises HodeiError when it cannot: that allows nothing."""

    def decide(self, principal: Principal, action: Action, name: SecretName, context: AccessContext) -> Decision:
        """Answer one question; whether there is such a secret makes no difference."""

    def visible(
        self, principal: Principal, names: Sequence[SecretName], context: AccessContext
    ) -> Collection[SecretName]:
        """Return those of some secrets whose metadata the principal may see: it could read, write or rotate them, approvals apart."""


def read_access(value: Any, place: Place) -> tuple[tuple[AccessRule, ...], list[Problem]]:
    """Return the rules that are written in a document, or everything that is wrong with them."""
    if _check()(value) is not None:
        from .coerce import coerce

        value = coerce(value, ACCESS)
    fault = _check()(value)
    if fault is not None:
        from .words import problems  # imported for invalid documents only

        return (), problems(value, ACCESS, place, fault)
    normal = _normal()(value)
    wrong = access_problems(normal, place)
    return (() if wrong else access_rules(normal)), wrong


def access_rules(normal: Sequence[Mapping[str, Any]]) -> tuple[AccessRule, ...]:
    """Return the rules of a valid ``access`` in normal form."""
    return tuple(
        AccessRule(one["subject"], frozenset(map(Action, one["actions"])), one.get("conditions", {})) for one in normal
    )


def access_problems(normal: Sequence[Mapping[str, Any]], place: Place) -> list[Problem]:
    """Return what rules may not say although each of their fields is valid by itself."""
    return [
        Problem(place.under((index, *path)), message, hint, place.source)
        for index, one in enumerate(normal)
        for path, message, hint in _contradictions(one["subject"], set(one["actions"]), one.get("conditions", {}))
    ]


def _contradictions(
    subject: str, actions: set[str], conditions: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if subject.startswith(f"{CLAIMED}:"):
        if actions != {Action.READ.value}:
            yield ("actions",), "a claim can be given nothing but read", "name a subject whose identity is verified"
        for name in conditions.keys() & {"role", "tenant"}:
            yield ("conditions", name), f"a claim has no {name}, so this rule grants nothing", "remove one of the two"
    if conditions.get("read_only") and actions != {Action.READ.value}:
        yield ("conditions", "read_only"), "read_only and other actions than read cannot be together", "write two rules"
    if any(one.startswith(f"{CLAIMED}:") for one in conditions.get("approvers", ())):
        yield ("conditions", "approvers"), "a claim approves nothing", "name a subject whose identity is verified"
    if "approvers" in conditions and not conditions.get("approval_required"):
        yield ("conditions", "approvers"), "approvers without approval_required", "add approval_required: true"
    hours = conditions.get("hours")
    if hours and hours["from"] == hours["to"]:
        yield ("conditions", "hours"), "it begins when it is over", "remove hours for the whole day"


@lru_cache(maxsize=1)
def _check() -> Check:
    from .check import compile_check

    return compile_check(ACCESS)


@lru_cache(maxsize=1)
def _normal() -> Convert:
    from .normal import compile_normal

    return compile_normal(ACCESS) or list
