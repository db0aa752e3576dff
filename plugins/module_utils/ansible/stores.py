# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stores of a task: made from the document, and what their secrets are made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..model.audit import Auditor
from ..model.errors import HodeiError, Kind
from ..model.mounts import STORE
from ..model.secret_name import SecretName
from ..model.store import Fault, Stage, Store, StoreError
from ..model.worker import Document, Spec
from ..stores.objects import Made, SecretObjects
from .access import Asking, Terms, guard
from .credentials import Credentials
from .shared_login import Lender


def open_stores(
    document: Document,
    credentials: Credentials,
    *,
    read_only: bool,
    auditor: Auditor,
    asking: Asking,
    terms: Terms | None = None,
    destroying: bool = False,
    formerly: str = "",
    lender: Lender | None = None,
) -> dict[str, SecretObjects]:
    """Return what the engine converges secrets through, by names that no provider has. ``formerly``: see SecretObjects."""
    made = {
        name: credentials.open_store(name, read_only=read_only, borrow=lender and lender(name, config))
        for name, config in document.stores.items()
    }
    stores = guard(made, auditor, asking, terms)
    return {
        f"{STORE}{name}": SecretObjects(
            store,
            document.owner,
            _material(name, stores),
            store.use,
            latest=_latest(document, name, stores),
            destroying=destroying,
            formerly=formerly,
        )
        for name, store in stores.items()
    }


def _latest(document: Document, own: str, stores: Mapping[str, Store]) -> Callable[[str], int | None]:
    """Return what tells the current version of the secret that another one of a store is a copy of, whichever that is."""
    sources = {
        one.address.name: one.spec["from"]
        for one in document.secrets
        if one.provider == f"{STORE}{own}" and "version" not in one.spec.get("from", {"version": None})
    }

    made = {(one.provider, one.address.name) for one in document.secrets}

    def latest(path: str) -> int | None:
        source = sources.get(path)
        if source is None:
            return None
        store = source.get("store", own)
        try:
            return _current(stores[store], SecretName.parse(source["secret"]))
        except StoreError as error:
            if error.fault in (Fault.NOT_FOUND, Fault.DELETED) and (f"{STORE}{store}", source["secret"]) in made:
                return None  # this run makes it, and the copy after it
            raise

    return latest


def _current(store: Store, name: SecretName) -> int:
    info = store.describe(name)
    current = info.at(Stage.CURRENT)
    if info.deleted_at is not None or current is None:
        raise StoreError(Fault.DELETED, "it is deleted", where=name.path)
    return current.number


def _material(own: str, stores: Mapping[str, Store]) -> Callable[[Spec], Made]:
    """Return the function that makes the value that a secret of a store asks for. It raises HodeiError."""

    def make(spec: Spec) -> Made:
        made = _made(spec, own, stores)
        if "rules" in spec:
            from ..generators.rules import check

            wrong = check(made.value, spec["rules"], time.time())
            if wrong:
                raise HodeiError(
                    Kind.VALIDATION,
                    f"the value is not as its rules want it: {'; '.join(wrong)}",
                    hint="Correct the value, or the rules.",
                )
        return made

    return make


def _made(spec: Spec, own: str, stores: Mapping[str, Store]) -> Made:
    if "value" in spec:
        return Made(spec["value"])
    if "from" in spec:
        source = spec["from"]
        found = stores[source.get("store", own)].get(
            SecretName.parse(source["secret"]), source.get("version", Stage.CURRENT)
        )
        value = found.value.field(source["field"]) if "field" in source else found.value
        return Made(value, found.version.number)
    from ..generators.registry import generate

    return Made(generate(spec["generate"], time.time()))
