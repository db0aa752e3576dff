# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed: hands a test something real (a server, a small disk, another user), or says why there is none.

A resource is a generator in resources.py that yields what the test gets and cleans up after itself. A test asks for it by
name, ``testbed.need("tmpfs")``. What cannot be had is a skip, listed with its reason at the end of the run; where CI=true, a
resource that could have been had there is a failure instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.hodei.workers.tests.testbed.network import here

Resource = Callable[["Testbed"], Iterator[Any]]
RESOURCES: dict[str, Callable[[Testbed], AbstractContextManager[Any]]] = {}


class Unavailable(Exception):
    """A resource that cannot be had here. ``possible`` says whether a CI machine of ours could have had it."""

    def __init__(self, reason: str, *, possible: bool) -> None:
        super().__init__(reason)
        self.possible = possible


def resource(function: Resource) -> Resource:
    """Register a generator under its name."""
    RESOURCES[function.__name__] = contextmanager(function)
    return function


class Testbed:
    """Gives resources, each once, and takes them all back in ``close``."""

    __test__ = False  # for pytest, which takes it for a class of tests

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self._given: dict[tuple[str, str], Any] = {}
        self._stack = ExitStack()

    def need(self, name: str) -> Any:
        """Return a resource. Raises Unavailable."""
        key = (name, here())  # a server is reached in the network that it was started in
        if key not in self._given:
            self._given[key] = self._stack.enter_context(RESOURCES[name](self))
        return self._given[key]

    @property
    def cache(self) -> Path:
        """A directory outside of the tree that stays: what is built or downloaded for tests lies here."""
        base = self.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        path = Path(base) / "hodei-workers" / "testbed"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def address(self, name: str) -> str | None:
        """Return the address of a server that somebody else runs for us: HODEI_TEST_<NAME>."""
        return self.environ.get(f"HODEI_TEST_{name.upper()}") or None

    def close(self) -> None:
        """Take everything back, the latest first."""
        self._given.clear()
        self._stack.close()
