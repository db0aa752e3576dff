# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On the controller: our files are loaded as Python loads any, with the bytecode that it keeps beside them.

Ansible's own loader of collections compiles each file anew in each process, and each task is one: for a lookup that is a third of its
time. So Python's loader is put before it for a while, for what plugins of this collection share and nothing else. Where bytecode cannot
be written, all is as before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType

_PLUGINS = __name__.partition(".module_utils.")[0]
_OURS = (f"{_PLUGINS}.module_utils.", f"{_PLUGINS}.plugin_utils.")


@contextmanager
def kept() -> Iterator[None]:
    """Import with bytecode meanwhile; afterwards importing is as it was."""
    sys.meta_path.insert(0, Compiled)
    try:
        yield
    finally:
        sys.meta_path.remove(Compiled)


class Compiled:
    """A finder for ``sys.meta_path``."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Find a module of ours; None for all others."""
        if not path or not name.startswith(_OURS):
            return None
        return _finder(next(iter(path))).find_spec(name)


@cache
def _finder(directory: str) -> FileFinder:
    return FileFinder(directory, (SourceFileLoader, SOURCE_SUFFIXES))
