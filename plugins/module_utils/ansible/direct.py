# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side: run a module on this machine from where the collection lies, without packing it.

To reach another machine Ansible packs a module with all that it imports, and Python there compiles it anew for each task: for
this collection half a second for the first task of a play, a quarter for each one more. A task on the controller, by the
interpreter that Ansible itself runs on, needs neither: it is the same module, started as Ansible documents for debugging
(arguments as JSON on standard input), in a process of its own as always.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Connections that run a task on the machine of ansible-playbook itself.
LOCAL = ("local", "ansible.builtin.local")

#: Run by -c: the collection's place and the module's name follow. The package is made by hand, because the ansible package
#: brings one of that name which would hide ours.
_START = (
    "import runpy,sys,types;"
    "package=types.ModuleType('ansible_collections');"
    "package.__path__=[sys.argv.pop(1)];"
    "sys.modules['ansible_collections']=package;"
    "runpy.run_module(sys.argv.pop(1),run_name='__main__',alter_sys=True)"
)
#: Where ansible_collections is: six levels above this file.
_COLLECTIONS = Path(__file__).absolute().parents[5]


def is_possible(
    *, transport: str, become: bool, wrapped: bool, environment: bool, interpreter: object, keep_files: bool
) -> bool:
    """Tell whether a task would run as this user, with this interpreter and environment, on this machine."""
    return transport in LOCAL and not (become or wrapped or environment or keep_files) and interpreter == sys.executable


def command(module: str) -> str:
    """Return the shell command that runs a module, named in full (``hodei.workers.fleet``)."""
    namespace, collection, name = module.split(".")
    return shlex.join(program(f"ansible_collections.{namespace}.{collection}.plugins.modules.{name}"))


def program(code: str) -> list[str]:
    """Return the command that runs a file of a collection by its full name in Python."""
    return [sys.executable, "-P", "-c", _START, str(_COLLECTIONS), code]


def arguments(args: Mapping[str, Any]) -> bytes:
    """Return what the module reads from standard input."""
    return json.dumps({"ANSIBLE_MODULE_ARGS": args}, default=str).encode()


def playbook() -> int:
    """Return the process of this ansible-playbook, which may have been given file descriptors."""
    from multiprocessing import parent_process  # Ansible itself has loaded it

    parent = parent_process()
    return parent.pid if parent is not None and parent.pid is not None else os.getpid()
