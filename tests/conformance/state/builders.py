# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records with every field filled in, for the tests of state."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Operation, OperationEnd, Resource
from ansible_collections.hodei.workers.plugins.module_utils.model.state_store import StateStore
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent, WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Drain, Lifecycle

OWNER, LINEAGE = "ci-prod", "0c6f2a5e"
T0, TTL = 1_700_000_000.0, 60.0
RUNNER, WEB = Address("worker", "runner", 2), Address("worker", "web")
_WRITES = ("initialise", "acquire", "renew", "release", "give_to", "begin", "end", "start_run", "finish_run", "anchor")


class Verified:
    """A store that is verified after each write that succeeded (invariant 18)."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        if name not in _WRITES:
            return call

        def checked(*args: Any, **kwargs: Any) -> Any:
            answer = call(*args, **kwargs)
            assert verify(self._store.read()) == []
            return answer

        return checked


DRAIN = Drain({"signal": "SIGQUIT"}, {"http": {"port": 80}}, timeout=60.5)


def operation(op_id: str, address: Address = RUNNER, generation: int = 1, **fields: Any) -> Operation:
    """Return an operation that begins."""
    values: dict[str, Any] = {
        "run_id": "run-1",
        "verb": "create",
        "provider": "local",
        "digest": "d1",
        "native_name": f"hodei-{address.slug}",
        "begun_at": T0 + 1,
        **fields,
    }
    return Operation(op_id=op_id, address=address, generation=generation, **values)


def resource(address: Address = RUNNER, generation: int = 1, **fields: Any) -> Resource:
    """Return a resource in which no field has its default."""
    values: dict[str, Any] = {
        "provider": "local",
        "external_id": "4242:91823",
        "spec": {"command": ["run", "ñ", "\udcff"], "env": {"A": "hmac:1"}, "resources": {"cpu": 500, "gpu": 0.5}},
        "digest": "d1",
        "lifecycle": Lifecycle(30.0, 60.5, True, ("env.A", "labels"), "create_before_destroy", DRAIN),
        "dependencies": (WEB, Address("worker", "db", 0)) if address != WEB else (),
        "intent": Intent.PAUSED,
        "status": WorkerState.RUNNING,
        "source": "hodei_workers[3]",
        "tainted": True,
        "created_at": T0 + 2.25,
        "updated_at": T0 + 3,
        **fields,
    }
    return Resource(address=address, generation=generation, **values)


def ended(op_id: str, **fields: Any) -> OperationEnd:
    """Return the end of an operation."""
    return OperationEnd(op_id, **{"ended_at": T0 + 4, **fields})
