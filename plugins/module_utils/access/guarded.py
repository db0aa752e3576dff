# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that asks first: who may not do something makes no call to the store behind it, and nobody makes one that is not recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..model.access import AccessContext, AccessPolicy, Action, Decision
from ..model.principal import Principal
from ..model.secret_name import SecretName
from ..model.secret_value import SecretValue
from ..model.store import (
    Fault,
    Metadata,
    Retrieved,
    SecretInfo,
    Stage,
    Store,
    StoreError,
    StoreFingerprint,
    Version,
    Which,
)


@dataclass(frozen=True)
class AccessEvent:
    """One call of a store, or its denial, as it is recorded; no value is in it.

    ``call`` is the method of ``model.store.Store``; ``path`` the secret, or for ``list`` the tenant; ``version`` the one that was asked
    for (a number, a stage, or nothing).
    """

    principal: Principal
    call: str
    path: str
    version: str
    decision: Decision
    context: AccessContext


class Recorder(Protocol):
    """Who keeps the record. When it raises, what would have been recorded does not happen."""

    def record(self, event: AccessEvent) -> None:
        """Keep one event. It is kept when this returns. Raises HodeiError."""


class GuardedStore:
    """The port ``Store`` for one principal; may be shared by threads when its parts may.

    Each call is decided by ``policy``, recorded, and only then made. ``context`` is asked once for each call.
    """

    def __init__(
        self,
        store: Store,
        principal: Principal,
        policy: AccessPolicy,
        recorder: Recorder,
        context: Callable[[], AccessContext],
    ) -> None:
        self._store = store
        self._principal = principal
        self._policy = policy
        self._recorder = recorder
        self._context = context

    def fingerprint(self) -> StoreFingerprint:
        """Say what the store is: no secret, and for everybody."""
        return self._store.fingerprint()

    def list(self, tenant: str | None = None) -> Sequence[SecretInfo]:
        """List those secrets that the principal may read, write or rotate."""
        context = self._context()
        runs_out = self._principal.expired(context.now)
        reason = "the proof of this identity has run out" if runs_out else "lists show what the principal may use"
        path = "" if tenant is None else f"@{tenant}"
        self._settle("list", path, "", Decision(not runs_out, f"{self._principal}: {reason}"), context)
        found = self._store.list(tenant)
        visible = frozenset(self._policy.visible(self._principal, [one.name for one in found], context))
        return [one for one in found if one.name in visible]

    def describe(self, name: SecretName) -> SecretInfo:
        """Describe a secret to who may read, write or rotate it."""
        context = self._context()
        allowed = name in self._policy.visible(self._principal, [name], context)
        may = "may see" if allowed else "may neither read, write nor rotate"
        self._settle("describe", name.path, "", Decision(allowed, f"{self._principal} {may} this secret"), context)
        return self._store.describe(name)

    def get(self, name: SecretName, version: Which = Stage.CURRENT) -> Retrieved:
        """Read a value."""
        self._admit("get", Action.READ, name, version)
        return self._store.get(name, version)

    def put(
        self,
        name: SecretName,
        value: SecretValue,
        *,
        expected: int | None = None,
        token: str = "",
        metadata: Metadata | None = None,
    ) -> Version:
        """Make a value the current version."""
        self._admit("put", Action.WRITE, name)
        return self._store.put(name, value, expected=expected, token=token, metadata=metadata)

    def stage(
        self,
        name: SecretName,
        value: SecretValue,
        *,
        expected: int | None = None,
        token: str = "",
        metadata: Metadata | None = None,
    ) -> Version:
        """Keep a value as PENDING."""
        self._admit("stage", Action.ROTATE, name)
        return self._store.stage(name, value, expected=expected, token=token, metadata=metadata)

    def promote(self, name: SecretName, version: int, *, expected: int | None = None) -> SecretInfo:
        """Make the pending version current."""
        self._admit("promote", Action.ROTATE, name, version)
        return self._store.promote(name, version, expected=expected)

    def rollback(self, name: SecretName, version: int) -> SecretInfo:
        """Undo a version."""
        self._admit("rollback", Action.ROTATE, name, version)
        return self._store.rollback(name, version)

    def retire(self, name: SecretName, version: int) -> SecretInfo:
        """Destroy the value of a version that nobody needs any more."""
        self._admit("retire", Action.ROTATE, name, version)
        return self._store.retire(name, version)

    def delete(self, name: SecretName) -> SecretInfo:
        """Delete softly."""
        self._admit("delete", Action.WRITE, name)
        return self._store.delete(name)

    def restore(self, name: SecretName) -> SecretInfo:
        """Undo ``delete``."""
        self._admit("restore", Action.WRITE, name)
        return self._store.restore(name)

    def destroy(self, name: SecretName) -> None:
        """Destroy a secret with all its values."""
        self._admit("destroy", Action.WRITE, name)
        self._store.destroy(name)

    def close(self) -> None:
        """Close the store behind it."""
        self._store.close()

    def _admit(self, call: str, action: Action, name: SecretName, version: Which | None = None) -> None:
        context = self._context()
        shown = "" if version is None else version.value if isinstance(version, Stage) else str(version)
        self._settle(call, name.path, shown, self._policy.decide(self._principal, action, name, context), context)

    def _settle(self, call: str, path: str, version: str, decision: Decision, context: AccessContext) -> None:
        """Record what was decided. Raises StoreError(denied)."""
        self._recorder.record(AccessEvent(self._principal, call, path, version, decision, context))
        if not decision.allowed:
            cure = "Give it in the document, under access: of the secret, as its owner"
            if self._principal.is_claim:
                cure = "Let the run prove who it is: a claim is not a proof"
            raise StoreError(Fault.DENIED, decision.reason, hint=f"{cure}; see docs/access.md.", where=path)
