# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error types of the product: one exception class, thirteen kinds, each with its policy.

The kinds, categories, severities and retry rules are table 6 of the blueprint (docs/errors.md shows it).
Providers, stores and state backends translate what their libraries raise into these at their edge;
nothing above them sees a foreign exception.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple


class Category(str, Enum):
    """What sort of cause an error has; retry and circuit breaker decide by it."""

    CLIENT_VALIDATION = "client_validation"
    AUTHORIZATION = "authorization"
    TRANSIENT_INFRASTRUCTURE = "transient_infrastructure"
    PERMANENT_INFRASTRUCTURE = "permanent_infrastructure"
    CONFIGURATION = "configuration"
    RESOURCE_LIMITS = "resource_limits"
    INTERNAL = "internal"


class Severity(str, Enum):
    """How loudly an error is told."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Kind(str, Enum):
    """The name of an error, as users and callers match on it."""

    VALIDATION = "validation"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    AUTHENTICATION = "authentication"
    AUTHORIZATION = "authorization"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    TIMEOUT = "timeout"
    NETWORK = "network"
    CONFIGURATION = "configuration"
    COMPATIBILITY = "compatibility"
    CONFLICT = "conflict"
    INTERNAL = "internal"
    PROVIDER_SPECIFIC = "provider_specific"


#: kind -> (category, severity, can a retry help)
POLICY: dict[Kind, tuple[Category, Severity, bool]] = {
    Kind.VALIDATION: (Category.CLIENT_VALIDATION, Severity.LOW, False),
    Kind.NOT_FOUND: (Category.CLIENT_VALIDATION, Severity.LOW, False),
    Kind.ALREADY_EXISTS: (Category.CLIENT_VALIDATION, Severity.LOW, False),
    Kind.AUTHENTICATION: (Category.AUTHORIZATION, Severity.MEDIUM, False),
    Kind.AUTHORIZATION: (Category.AUTHORIZATION, Severity.MEDIUM, False),
    Kind.RESOURCE_EXHAUSTED: (Category.RESOURCE_LIMITS, Severity.HIGH, True),
    Kind.TIMEOUT: (Category.TRANSIENT_INFRASTRUCTURE, Severity.MEDIUM, True),
    Kind.NETWORK: (Category.TRANSIENT_INFRASTRUCTURE, Severity.MEDIUM, True),
    Kind.CONFIGURATION: (Category.CONFIGURATION, Severity.HIGH, False),
    Kind.COMPATIBILITY: (Category.CONFIGURATION, Severity.HIGH, False),
    Kind.CONFLICT: (Category.CLIENT_VALIDATION, Severity.MEDIUM, False),
    Kind.INTERNAL: (Category.INTERNAL, Severity.CRITICAL, False),
    Kind.PROVIDER_SPECIFIC: (Category.INTERNAL, Severity.MEDIUM, False),
}


class HodeiError(Exception):
    """Something that went wrong and that a person can act on.

    ``message`` says what is wrong, ``hint`` what to do next, ``where`` names the address or the place
    in the user's document. ``retryable`` overrides the kind's rule where the cause is known better, ``retry_after``
    is how many seconds the other side asked us to wait, and ``untouched`` says that the call certainly had no effect
    (refused before it was sent, say), so that even what is not idempotent may be tried again.
    No argument may hold a secret: errors reach logs, results and state.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        hint: str = "",
        where: str = "",
        retryable: bool | None = None,
        retry_after: float | None = None,
        untouched: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.where = where
        self.category, self.severity, default = POLICY[kind]
        self.retryable = default if retryable is None else retryable
        self.retry_after = retry_after
        self.untouched = untouched

    def __str__(self) -> str:
        """Render place, message and hint as one paragraph."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text.rstrip('.')}. {self.hint}" if self.hint else text

    def as_dict(self) -> dict[str, str | bool]:
        """Return the JSON form that results, state and events carry."""
        return {
            "kind": self.kind.value,
            "category": self.category.value,
            "severity": self.severity.value,
            "retryable": self.retryable,
            "message": self.message,
            "hint": self.hint,
            "where": self.where,
        }


class Problem(NamedTuple):
    """One thing that is wrong in a user's document.

    ``path`` is written as people point at it (``workers[3].resources.memory``), ``message`` says what is
    wrong, ``hint`` the cure, ``source`` the file or variable it came from where that is known.
    """

    path: str
    message: str
    hint: str = ""
    source: str = ""

    def __str__(self) -> str:
        """Render as one line: source, path, message, cure."""
        text = ": ".join(part for part in (self.source, self.path, self.message) if part)
        return f"{text}; {self.hint}" if self.hint else text


class InvalidDocument(HodeiError):
    """All problems of a document at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        title = "the document has a problem" if count == 1 else f"the document has {count} problems"
        super().__init__(Kind.VALIDATION, f"{title}:\n{lines}", hint="")


def missing_library(name: str) -> HodeiError:
    """Return the error for a library that the interpreter lacks."""
    return HodeiError(
        Kind.CONFIGURATION,
        f"the Python library {name} is missing for {sys.executable}",
        hint=f"Run: {sys.executable} -m pip install {name}. If another interpreter has it, set ansible_python_interpreter to that one.",
    )
