# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that asks first: a denied call makes no call to the store behind it, and nothing leaves or changes it without a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NoReturn, TypeVar

from ..model import audit
from ..model.access import AccessContext, AccessPolicy, Action
from ..model.errors import HodeiError
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

T = TypeVar("T")


class GuardedStore:
    """The port ``Store`` for one principal; may be shared by threads when its parts may.

    Each call is decided by ``policy`` before anything else. Then a read is made and recorded, and the value given only if it was; a change
    is recorded, made, and its end recorded (see ``model.audit``). ``context`` is asked once for each call; ``store_name`` and ``store_id``
    are for the record.
    """

    def __init__(
        self,
        store: Store,
        principal: Principal,
        policy: AccessPolicy,
        auditor: audit.Auditor,
        context: Callable[[], AccessContext],
        *,
        store_name: str = "",
        store_id: str = "",
    ) -> None:
        self._store = store
        self._principal = principal
        self._policy = policy
        self._auditor = auditor
        self._context = context
        self._named = {"who": principal.subject, "store": store_name, "store_id": store_id}

    def fingerprint(self) -> StoreFingerprint:
        """Say what the store is: no secret, and for everybody."""
        return self._store.fingerprint()

    def list(self, tenant: str | None = None) -> Sequence[SecretInfo]:
        """List those secrets that the principal may read, write or rotate. Nothing but a denial is recorded of it."""
        context = self._context()
        if self._principal.expired(context.now):
            entry = self._entry(audit.Action.READ, "" if tenant is None else f"@{tenant}", context)
            self._deny(entry, f"{self._principal} may list no secrets: the proof of this identity has run out")
        found = self._store.list(tenant)
        visible = frozenset(self._policy.visible(self._principal, [one.name for one in found], context))
        return [one for one in found if one.name in visible]

    def describe(self, name: SecretName) -> SecretInfo:
        """Describe a secret to who may read, write or rotate it. Nothing but a denial is recorded of it."""
        context = self._context()
        if name not in self._policy.visible(self._principal, [name], context):
            entry = self._entry(audit.Action.READ, name.path, context)
            self._deny(entry, f"{self._principal} may neither read, write nor rotate this secret")
        return self._store.describe(name)

    def get(self, name: SecretName, version: Which = Stage.CURRENT) -> Retrieved:
        """Read a value; for a worker or a login, the record calls it a use."""
        context = self._context()
        what = audit.Action.USE if context.worker or context.login else audit.Action.READ
        entry = self._admit(Action.READ, name, self._entry(what, name.path, context), context)
        try:
            found = self._store.get(name, version)
        except HodeiError as error:
            self._auditor.record(_failed(entry, error))
            raise
        self._auditor.record(replace(entry, result=audit.Result.DONE, version=found.version.number))
        return found

    def use(self, name: SecretName, version: Which, workers: Sequence[str]) -> Retrieved:
        """Read a value once for several workers: each of them is decided on, and has a record of its own."""
        now = self._context()
        entries = []
        for worker in workers:
            context = replace(now, worker=worker)
            entry = self._entry(audit.Action.USE, name.path, context)
            entries.append(self._admit(Action.READ, name, entry, context))
        try:
            found = self._store.get(name, version)
        except HodeiError as error:
            self._auditor.record(*(_failed(entry, error) for entry in entries))
            raise
        number = found.version.number
        self._auditor.record(*(replace(entry, result=audit.Result.DONE, version=number) for entry in entries))
        return found

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

        def call() -> Version:
            return self._store.put(name, value, expected=expected, token=token, metadata=metadata)

        return self._change(Action.WRITE, audit.Action.WRITE, name, call)

    def stage(
        self,
        name: SecretName,
        value: SecretValue,
        *,
        expected: int | None = None,
        token: str = "",
    ) -> Version:
        """Keep a value as PENDING."""
        return self._change(
            Action.ROTATE,
            audit.Action.ROTATE,
            name,
            lambda: self._store.stage(name, value, expected=expected, token=token),
        )

    def promote(self, name: SecretName, version: int, *, expected: int | None = None) -> SecretInfo:
        """Make the pending version current."""
        return self._rotate(name, version, lambda: self._store.promote(name, version, expected=expected))

    def rollback(self, name: SecretName, version: int) -> SecretInfo:
        """Undo a version."""
        return self._rotate(name, version, lambda: self._store.rollback(name, version))

    def retire(self, name: SecretName, version: int) -> SecretInfo:
        """Destroy the value of a version that nobody needs any more."""
        return self._rotate(name, version, lambda: self._store.retire(name, version))

    def annotate(self, name: SecretName, metadata: Metadata) -> SecretInfo:
        """Give a secret other metadata."""
        return self._change(Action.WRITE, audit.Action.WRITE, name, lambda: self._store.annotate(name, metadata))

    def delete(self, name: SecretName) -> SecretInfo:
        """Delete softly."""
        return self._change(Action.WRITE, audit.Action.DELETE, name, lambda: self._store.delete(name))

    def restore(self, name: SecretName) -> SecretInfo:
        """Undo ``delete``."""
        return self._change(Action.WRITE, audit.Action.RESTORE, name, lambda: self._store.restore(name))

    def destroy(self, name: SecretName) -> None:
        """Destroy a secret with all its values."""
        self._change(Action.WRITE, audit.Action.DESTROY, name, lambda: self._store.destroy(name))

    def close(self) -> None:
        """Close the store behind it."""
        self._store.close()

    def _rotate(self, name: SecretName, version: int, call: Callable[[], SecretInfo]) -> SecretInfo:
        return self._change(Action.ROTATE, audit.Action.ROTATE, name, call, version)

    def _change(
        self,
        action: Action,
        what: audit.Action,
        name: SecretName,
        call: Callable[[], T],
        version: int | None = None,
    ) -> T:
        """Decide, record that it begins, make the call, and record how it ended."""
        context = self._context()
        entry = self._admit(action, name, self._entry(what, name.path, context, version), context)
        self._auditor.record(entry)
        try:
            done = call()
        except HodeiError as error:
            self._auditor.record(_failed(entry, error))
            raise
        made = done.number if isinstance(done, Version) else version
        self._auditor.record(replace(entry, result=audit.Result.DONE, version=made))
        return done

    def _admit(self, action: Action, name: SecretName, entry: audit.Entry, context: AccessContext) -> audit.Entry:
        """Return the entry of what may be done. Raises StoreError(denied), which is recorded first."""
        decision = self._policy.decide(self._principal, action, name, context)
        if not decision.allowed:
            self._deny(entry, decision.reason)
        return entry

    def _deny(self, entry: audit.Entry, reason: str) -> NoReturn:
        self._auditor.record(replace(entry, result=audit.Result.DENIED, why=reason))
        cure = "Who owns the fleet can give it under access: of the secret"
        if self._principal.is_claim:
            cure = "Let the run prove who it is: a claim is no proof"
        raise StoreError(Fault.DENIED, reason, hint=f"{cure}; see docs/secrets/access.md.", where=entry.secret)

    def _entry(self, what: audit.Action, path: str, context: AccessContext, version: int | None = None) -> audit.Entry:
        return audit.Entry(
            what,
            audit.Result.BEGUN,
            secret=path,
            version=version,
            why=context.why,
            correlation=context.correlation,
            play=context.play,
            task=context.task,
            host=context.host,
            worker=context.worker,
            **self._named,
        )


def _failed(entry: audit.Entry, error: HodeiError) -> audit.Entry:
    return replace(entry, result=audit.Result.FAILED, why=error.message)
