# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port of credential stores: what is needed of one, and nothing of how it is done.

A secret has versions, numbered from 1 upwards; a number is never given to another value, whatever is deleted meanwhile. Three stages
name versions: readers get CURRENT; a rotation puts the new value at PENDING, where no default read sees it, and promotes it; the
one before it stays readable as PREVIOUS until it is retired. tests/conformance/stores is the suite that every store passes.

Every call raises HodeiError and nothing else: StoreError for what the store has to say, other kinds for what any call may meet
(validation, configuration, network, timeout). No error, no metadata and no repr holds a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from .errors import HodeiError, Kind
from .secret_name import SecretName
from .secret_value import SecretValue

MOST_TAGS, MOST_KEY, MOST_TAG, MOST_TOKEN = 50, 128, 256, 128


class Stage(str, Enum):
    """What a version is to its readers; each stage has one version at most."""

    CURRENT = "current"
    PREVIOUS = "previous"
    PENDING = "pending"


Which: TypeAlias = "int | Stage"


class Fault(str, Enum):
    """What a store has to say. CORRUPT is not what was written; ROLLED_BACK was written, and is older than what was seen."""

    NOT_FOUND = "not_found"
    DELETED = "deleted"
    DENIED = "denied"
    CONFLICT = "conflict"
    CORRUPT = "corrupt"
    ROLLED_BACK = "rolled_back"
    SEALED = "sealed"
    THROTTLED = "throttled"


_KINDS = {
    Fault.NOT_FOUND: Kind.NOT_FOUND,
    Fault.DELETED: Kind.NOT_FOUND,
    Fault.DENIED: Kind.AUTHORIZATION,
    Fault.CONFLICT: Kind.CONFLICT,
    Fault.CORRUPT: Kind.INTERNAL,
    Fault.ROLLED_BACK: Kind.INTERNAL,
    Fault.SEALED: Kind.CONFIGURATION,
    Fault.THROTTLED: Kind.RESOURCE_EXHAUSTED,
}


class StoreError(HodeiError):
    """An answer of a store; ``fault`` tells apart what shares a kind. ``where`` is the path of the secret."""

    def __init__(self, fault: Fault, message: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(_KINDS[fault], message, hint=hint, where=where)
        self.fault = fault


class Ability(str, Enum):
    """What a store may lack, see ``StoreFingerprint.lacks``.

    COMPARE_AND_SET: ``expected``. TOKENS: ``token``. PENDING: stages beside CURRENT. RESTORE: delete can be undone. DESTROY: a value is
    gone for good when the call returns. BINARY: values that are no text. GENERATION: a store that was put back is noticed.
    """

    COMPARE_AND_SET = "compare_and_set"
    TOKENS = "tokens"
    PENDING = "pending"
    RESTORE = "restore"
    DESTROY = "destroy"
    BINARY = "binary"
    GENERATION = "generation"


class Seen(NamedTuple):
    """Which store somebody has seen, and how far it had got."""

    store_id: str
    generation: int


@dataclass(frozen=True)
class StoreFingerprint:
    """What a store is, here and now.

    ``lacks`` maps what it cannot do to the reason as users read it. ``generation`` grows with every write, so that whoever remembers
    it notices when the whole store was put back (0: the store has none). ``most_bytes`` is the longest value.
    """

    type: str
    version: str
    store_id: str
    generation: int = 0
    most_bytes: int = 64 << 10
    lacks: Mapping[Ability, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metadata:
    """What is known of a secret beside its values. It is not secret: stores keep it in the clear.

    ``expires_at`` (Unix seconds) is when the current value should have been rotated: the store goes on giving it. Raises
    HodeiError(validation).
    """

    expires_at: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.expires_at is not None and not math.isfinite(self.expires_at):
            raise HodeiError(Kind.VALIDATION, f"{self.expires_at} is no time at which anything expires")
        texts = all(isinstance(text, str) for pair in self.tags.items() for text in pair)
        if not texts or any(not 0 < len(key) <= MOST_KEY or len(tag) > MOST_TAG for key, tag in self.tags.items()):
            raise HodeiError(
                Kind.VALIDATION, f"a tag is a text of {MOST_TAG} characters at most, its key of {MOST_KEY}"
            )
        if len(self.tags) > MOST_TAGS:
            raise HodeiError(Kind.VALIDATION, f"{len(self.tags)} tags are more than {MOST_TAGS}")


@dataclass(frozen=True)
class Version:
    """One version, without its value. ``destroyed``: the value is gone. Times are Unix seconds."""

    number: int
    created_at: float
    stage: Stage | None = None
    destroyed: bool = False
    token: str = ""


@dataclass(frozen=True)
class SecretInfo:
    """A secret without values. ``versions`` are those that the store still remembers, oldest first; ``deleted_at`` says since when
    it is deleted (softly).
    """

    name: SecretName
    versions: tuple[Version, ...]
    deleted_at: float | None = None
    metadata: Metadata = field(default_factory=Metadata)

    def at(self, stage: Stage) -> Version | None:
        """Return the version at a stage."""
        return next((one for one in self.versions if one.stage is stage), None)


@dataclass(frozen=True)
class Retrieved:
    """The answer to a read."""

    value: SecretValue
    version: Version


#: Asks for the login of another process; empty when nobody lends one.
Borrow: TypeAlias = Callable[[], SecretValue]


@runtime_checkable
class Lending(Protocol):
    """A store whose login other processes of the same user and playbook may go on with, so that they need none of their own."""

    def lend(self) -> SecretValue:
        """Return what ``borrow`` of such a store takes in place of a login: a session's token, a stretched passphrase."""


class Store(Protocol):
    """A credential store. Faults beside those named: every call may raise DENIED, CORRUPT, ROLLED_BACK, SEALED and THROTTLED."""

    def fingerprint(self) -> StoreFingerprint:
        """Say what the store is and how far it got."""

    def list(self, tenant: str | None = None) -> Sequence[SecretInfo]:
        """List all secrets in one call, deleted ones too, in the order of their paths; of one tenant ("": of none), or of all."""

    def describe(self, name: SecretName) -> SecretInfo:
        """Return what is known of one secret, deleted or not. NOT_FOUND also when it was destroyed."""

    def get(self, name: SecretName, version: Which = Stage.CURRENT) -> Retrieved:
        """Read a value. NOT_FOUND: no such secret or version, or its value was destroyed; DELETED."""

    def put(
        self,
        name: SecretName,
        value: SecretValue,
        *,
        expected: int | None = None,
        token: str = "",
        metadata: Metadata | None = None,
    ) -> Version:
        """Make a value the current version; the one before it becomes PREVIOUS, and what was PREVIOUS loses its stage.

        ``expected`` is the number of the version that must be current now (0: there may be none). ``token`` makes the call idempotent:
        the same again with the same value returns the version that the first call made, whatever became current since; with
        another value it is a CONFLICT. ``metadata`` takes the place of the secret's; None leaves that. CONFLICT, DELETED;
        HodeiError(validation) for a value that is too long.
        """

    def stage(
        self,
        name: SecretName,
        value: SecretValue,
        *,
        expected: int | None = None,
        token: str = "",
    ) -> Version:
        """Keep a value as PENDING, as ``put`` does otherwise. CONFLICT when another is pending already."""

    def promote(self, name: SecretName, version: int, *, expected: int | None = None) -> SecretInfo:
        """Make the pending version current, and the current one PREVIOUS, in one step. Done already: nothing happens.

        CONFLICT when it is not pending, or ``expected`` is not current; NOT_FOUND; DELETED.
        """

    def rollback(self, name: SecretName, version: int) -> SecretInfo:
        """Undo a version: a pending one is dropped and its value destroyed; a current one gives its place back to PREVIOUS and takes that.

        It names what is undone, so that a repeated call does not undo twice: a version that is neither is left as it is. NOT_FOUND
        also when the value before it is no longer there; DELETED.
        """

    def retire(self, name: SecretName, version: int) -> SecretInfo:
        """Destroy the value of a version that nobody needs any more, PREVIOUS or without a stage. Done already: nothing happens.

        CONFLICT when it is current or pending; NOT_FOUND; DELETED.
        """

    def annotate(self, name: SecretName, metadata: Metadata) -> SecretInfo:
        """Give a secret other metadata, also one that is deleted; its versions stay as they are. Idempotent. NOT_FOUND."""

    def delete(self, name: SecretName) -> SecretInfo:
        """Delete softly: no value is given any more, and ``restore`` brings all of them back. Idempotent. NOT_FOUND."""

    def restore(self, name: SecretName) -> SecretInfo:
        """Undo ``delete``. Idempotent. NOT_FOUND also when it was destroyed."""

    def destroy(self, name: SecretName) -> None:
        """Destroy a secret with all its values, deleted before or not; the name may be used again. Absent counts as destroyed."""

    def close(self) -> None:
        """Close files and connections, and forget keys."""
