# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fleet_images and fleet_volumes have in common: listing what providers keep, and removing by rule what nobody uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Generic, TypeVar

from ..model.errors import HodeiError, Kind
from ..model.ports import Image, Provider, Volume
from .arguments import seconds
from .entry import failure
from .session import Session

T = TypeVar("T", Image, Volume)
#: What an Engine says of one thing. Anything else is about the Engine, and would be said of the next one, too.
_REFUSALS = (Kind.CONFLICT, Kind.AUTHORIZATION, Kind.PROVIDER_SPECIFIC)


@dataclass(frozen=True)
class Goods(Generic[T]):
    """A kind of what providers keep: what a result calls it, an example of a pattern, and what is to be known of each."""

    plural: str
    example: str
    key: Callable[[T], str]
    names: Callable[[T], Sequence[str]]
    about: Callable[[T], Mapping[str, Any]]
    remove: Callable[[Provider, T], None]

    def need_patterns(self, params: Mapping[str, Any]) -> None:
        """Raise HodeiError(validation) when a task that removes does not say what may go."""
        if params["state"] == "absent" and not params["match"]:
            raise HodeiError(
                Kind.VALIDATION,
                f"state: absent needs patterns of the {self.plural} that may go",
                hint=f"Write match: ['{self.example}'], or ['*'] for all that nobody uses.",
            )

    def shown(self, session: Session, found: Mapping[str, Sequence[T]]) -> list[dict[str, Any]]:
        """Return it as a result has it."""
        now = session.clock()
        return [
            {
                "provider": name,
                **self.about(one),
                "age": int(max(0.0, now - one.since)),
                "used": one.used,
                "wanted": bool(one.wanted),
            }
            for name, things in found.items()
            for one in things
        ]

    def prune(
        self, session: Session, params: Mapping[str, Any], found: Mapping[str, Sequence[T]], *, check: bool
    ) -> dict[str, Any]:
        """Remove what ``match`` and ``older_than`` cover and nobody uses or wants. What went is told, also when the Engine goes."""
        latest = session.clock() - seconds(params, "older_than")
        gone: dict[str, list[T]] = {name: [] for name in found}
        left: dict[str, list[T]] = {name: [] for name in found}
        kept: dict[str, str] = {}
        problem: HodeiError | None = None
        for name, things in found.items():
            for one in things:
                goes = problem is None and self._is_free(one, params["match"]) and one.since <= latest
                try:
                    if goes and not check:
                        self.remove(session.providers[name], one)
                except HodeiError as error:
                    goes = False
                    if error.kind in _REFUSALS:
                        kept[self.key(one)] = error.message
                    else:
                        problem = error
                (gone if goes else left)[name].append(one)
        result = {
            "changed": any(gone.values()),
            "removed": self.shown(session, gone),
            "kept": kept,
            self.plural: self.shown(session, left),
        }
        return result if problem is None else {**result, **failure(problem), "failed": True}

    def _is_free(self, one: T, patterns: Sequence[str]) -> bool:
        """Tell whether nobody uses or wants it, and patterns cover all its names; without a name only one for all does."""
        names = self.names(one) or ("",)
        return not (one.used or one.wanted) and all(any(fnmatchcase(name, each) for each in patterns) for name in names)
