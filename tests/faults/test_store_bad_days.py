# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many processes write the embedded store at once; its disk is full or refuses: nothing is lost, and one message tells it."""

from __future__ import annotations

import os
import resource as limits
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Fault, StoreError
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import create_key_file, key_source
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import LocalStore
from ansible_collections.hodei.workers.tests.support.forks import in_child
from ansible_collections.hodei.workers.tests.support.places import quick_directory

PROCESSES, EACH = 8, 10
SHARED = SecretName("shared")

Open = Callable[[], LocalStore]


@pytest.fixture
def open_store() -> Iterator[Open]:
    """Open one and the same store, as each process does."""
    with quick_directory() as directory:
        create_key_file(directory / "key")

        def opened() -> LocalStore:
            return LocalStore(directory / "store" / "secrets.db", key_source({"file": str(directory / "key")}))

        store = opened()
        store.initialise(allow_ephemeral=True)
        store.put(SHARED, SecretValue(b"0"))
        store.close()
        yield opened


def _count_up(store: LocalStore) -> None:
    """Add one to the shared number, as often as it takes to be the one who does."""
    while True:
        found = store.get(SHARED)
        try:
            store.put(SHARED, SecretValue(b"%d" % (int(found.value.text()) + 1)), expected=found.version.number)
        except StoreError as error:
            if error.fault is not Fault.CONFLICT:
                raise
        else:
            return


def _work(open_store: Open, number: int) -> None:
    store = open_store()
    for index in range(EACH):
        store.put(SecretName(f"own/{number}/{index}"), SecretValue(b"%d" % index), expected=0)
        _count_up(store)
        assert store.get(SecretName(f"own/{number}/{index}")).value.text() == str(index)
    store.close()


def test_many_processes_at_once(open_store: Open) -> None:
    children = []
    for number in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            os._exit(in_child(lambda number=number: _work(open_store, number)))  # type: ignore[misc]
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert codes == [0] * PROCESSES
    store = open_store()
    assert store.get(SHARED).value.text() == str(PROCESSES * EACH)
    assert len(store.list()) == PROCESSES * EACH + 1
    assert store.fingerprint().generation == 2 + 2 * PROCESSES * EACH


def _refused_at(open_store: Open, most: int) -> None:
    """Write more than the system allows a file to have; die unless that is told, and everything is as before."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = open_store()
    generation = store.fingerprint().generation
    store.put(SecretName("first"), SecretValue(b"x"))
    limits.setrlimit(limits.RLIMIT_FSIZE, (most, limits.RLIM_INFINITY))
    big = SecretValue(os.urandom(60_000))
    with pytest.raises(HodeiError) as caught:
        [store.put(SecretName(f"more/{number}"), big) for number in range(20)]
    assert caught.value.kind is Kind.RESOURCE_EXHAUSTED
    assert "as it was before" in caught.value.message
    written = store.fingerprint().generation - generation - 1
    assert [one.name.name for one in store.list() if one.name.name.startswith("more")] == sorted(
        f"more/{number}" for number in range(written)
    )
    limits.setrlimit(limits.RLIMIT_FSIZE, (limits.RLIM_INFINITY, limits.RLIM_INFINITY))
    store.put(SecretName("after"), SecretValue(b"y"))


@pytest.mark.parametrize("most", [70_000, 200_000, 500_000])
def test_a_disk_that_refuses_in_the_middle(open_store: Open, most: int) -> None:
    assert in_child(lambda: _refused_at(open_store, most)) == 0
    store = open_store()
    assert store.get(SecretName("after")).value.text() == "y"
    assert store.get(SHARED).value.text() == "0"
    for info in store.list():
        store.get(info.name)


def _somebody_else(open_store: Open, path: Path | None) -> None:
    if path is not None:
        path.chmod(0o600)
        path.parent.chmod(0o755)
        path.parent.parent.chmod(0o755)
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    store = open_store()
    for call in (store.list, lambda: store.get(SHARED), lambda: store.put(SHARED, SecretValue(b"x"))):
        with pytest.raises(StoreError, match="user 65534 may not read") as caught:
            call()
        assert caught.value.fault is Fault.DENIED


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else takes root")
@pytest.mark.parametrize("open_directory", [False, True])
def test_somebody_else_is_denied(open_store: Open, open_directory: bool) -> None:
    path = open_store()._file.path if open_directory else None
    assert in_child(lambda: _somebody_else(open_store, path)) == 0


def test_a_store_replaced_while_it_is_in_use(open_store: Open) -> None:
    store = open_store()
    store.put(SHARED, SecretValue(b"1"))
    path = store._file.path
    copy = Path(f"{path}.copy")
    copy.write_bytes(path.read_bytes())
    os.replace(copy, path)
    with pytest.raises(HodeiError):
        store.put(SHARED, SecretValue(b"2"))
