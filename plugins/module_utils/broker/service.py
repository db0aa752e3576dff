# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a broker, and the answers: the same within one process, where no broker can run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from ..model.errors import HodeiError, Kind
from ..model.secret_name import SecretName
from ..model.secret_value import SecretValue
from ..model.store import Stage, StoreError, Which
from .cache import Cache
from .given_values import Given
from .session import Opener
from .sessions import Sessions
from .wire import Frame


class Service:
    """Answers requests; shared by threads. ``mark`` makes the digest by which a value is recognised later."""

    def __init__(self, opener: Opener, mark: Callable[[bytes], str], cache: Cache | None = None) -> None:
        self._sessions = Sessions(opener)
        self._cache = cache or Cache()
        self._given = Given(mark)

    def answer(self, request: Mapping[str, Any]) -> Frame:
        """Answer one request; what goes wrong is an answer, too."""
        try:
            if request["op"] == "read":
                return self._read(request)
            if request["op"] == "lend":
                return Frame({}, self._sessions.get(request["address"]).lend().reveal())
            if request["op"] == "known":
                return Frame({"known": self._given.known(request["marks"], request["texts"])})
            if request["op"] == "forget":
                self._cache.forget()
                return Frame({})
            if request["op"] == "status":
                return Frame({"logins": self._sessions.logins})
            problem = HodeiError(Kind.INTERNAL, "nobody knows what was asked")
        except HodeiError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - its text may hold a value, its type does not
            problem = HodeiError(
                Kind.INTERNAL,
                f"reading it failed in a way that nobody foresaw ({type(error).__name__})",
                hint="Please report it.",
            )
        return Frame({"error": encode(problem)})

    def close(self, seconds: float) -> list[str]:
        """Forget all values at once, then log out; see ``Sessions.close``."""
        self._cache.close()
        self._given.forget()
        return self._sessions.close(seconds)

    def _read(self, request: Mapping[str, Any]) -> Frame:
        name, which = SecretName(request["name"], request["tenant"]), which_of(request["version"])
        login = self._sessions.get(request["address"])
        key = (hashlib.sha256(login.digest + name.path.encode()).digest(), which)
        found = login.session.use(
            name,
            which,
            request["by"],
            lambda: self._cache.get(key, lambda: login.read(name, which), request["max_age"]),
        )
        value = _field(found.value, request["field"], name)
        self._given.add(value)
        said, login.session.warnings[:] = list(login.session.warnings), []
        return Frame({"version": found.version.number, **({"warnings": said} if said else {})}, value.reveal())


def which_of(version: int | str) -> Which:
    """Return which version is meant. Raises HodeiError(validation)."""
    if isinstance(version, int) and not isinstance(version, bool):
        return version
    try:
        return Stage(version)
    except ValueError:
        stages = ", ".join(one.value for one in Stage)
        hint = f"Write the number of a version, or one of {stages}."
        raise HodeiError(Kind.VALIDATION, f"{version!r} is no version of a secret", hint=hint) from None


def encode(problem: HodeiError) -> dict[str, str]:
    """Return the form in which an error goes to whoever asked."""
    fault = problem.fault.value if isinstance(problem, StoreError) else ""
    texts = {"message": problem.message, "hint": problem.hint, "where": problem.where}
    return {"kind": problem.kind.value, "fault": fault, **texts}


def _field(value: SecretValue, field: str, name: SecretName) -> SecretValue:
    if not field:
        return value
    try:
        return value.field(field)
    except HodeiError as error:
        problem = HodeiError(error.kind, error.message, hint=error.hint, where=name.path)
    raise problem
