# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: worker
short_description: Run tasks inside a worker
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Runs tasks inside a worker, in its environment, its directory and as its user, through the provider that runs it.
  - The inventory plugin P(hodei.workers.workers#inventory) sets all that this plugin needs.
  - The provider is reached from the controller. Workers that are processes of another machine cannot be reached this way.
notes:
  - Temporary files lie below the worker's own directory, unless C(remote_tmp) says otherwise.
  - C(become) is refused.
  - C(remote_user) and C(ansible_user) are not read, since inventories set them for hosts of SSH.
extends_documentation_fragment:
  - connection_pipelining
options:
  address:
    description:
      - The worker, such as V(worker.runner[0]) or V(runner[0]).
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: hodei_address
  owner:
    description:
      - Whose fleet it is. Taken from the environment variable E(HODEI_OWNER) when left out.
    type: str
    vars:
      - name: hodei_owner
  lineage:
    description:
      - The identity of the fleet. An object of another one is not reached.
    type: str
    vars:
      - name: hodei_lineage
  backend:
    description:
      - Where the fleet's state is, since local providers keep their workers there.
    type: dict
    vars:
      - name: hodei_backend
  providers:
    description:
      - The configured providers by name, one process provider called V(local) when left out.
    type: dict
    vars:
      - name: hodei_providers
  stores:
    description:
      - The configured credential stores by name, where providers have their credentials in them.
    type: dict
    vars:
      - name: hodei_stores
  provider:
    description:
      - The provider that runs the worker. All of them are asked when left out.
    type: str
    vars:
      - name: hodei_provider
  generation:
    description:
      - Which of the objects of this address it was when the inventory was read. The living one is looked for when left out, or when
        that one is gone.
    type: int
    vars:
      - name: hodei_generation
  run_as:
    description:
      - As whom to run, where the fleet belongs to root. The worker's own user when left out.
      - Others than that one and root may not enter the directory of a worker.
    type: str
    vars:
      - name: hodei_user
  command_timeout:
    description:
      - After which time a command and everything that it started is killed.
    type: str
    default: 1d
    vars:
      - name: hodei_timeout
"""

import os
from collections.abc import Sequence
from typing import Any, BinaryIO

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.plugins.connection import ConnectionBase

from ansible_collections.hodei.workers.plugins.module_utils.ansible import python_version  # noqa: F401 pylint: disable=unused-import
from ansible_collections.hodei.workers.plugins.module_utils.ansible.reaching import ReachedWorker
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecResult

_SH = "/bin/sh"
#: Linux takes 128 KiB for one argument; a longer command goes through a file.
_LONGEST = 100_000
#: No option may be called as a keyword of a play is, such as `timeout` or `remote_user`: Ansible gives it the keyword's value.
_OPTIONS = (
    *("address", "owner", "lineage", "backend", "providers", "stores", "provider", "generation"),
    *("run_as", "command_timeout"),
)
_KEEP = 'f=$(mktemp "$HOME/.command-XXXXXX") && cat > "$f" && echo "$f"'


class Connection(ConnectionBase):
    """Reaches one worker; a new one is made for each task."""

    transport = "hodei.workers.worker"
    has_pipelining = True
    has_tty = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._worker: ReachedWorker | None = None

    def _connect(self) -> Connection:
        """Nothing is asked of the worker before the first command."""
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a shell command."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        if self.become is not None:
            raise AnsibleError(
                "become is not available inside a worker: set become: false. Tasks run as the user that the document gives the "
                "worker; where the fleet belongs to root, hodei_user: root runs them as root."
            )
        if len(os.fsencode(cmd)) > _LONGEST:
            return self._exec_long(cmd, in_data)
        return self._result(self._exec([_SH, "-c", cmd], in_data or b""))

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the worker."""
        super().put_file(in_path, out_path)
        try:
            with open(in_path, "rb") as source:
                done = self._exec([_SH, "-c", 'exec cat > "$1"', "sh", out_path], source)
        except FileNotFoundError:
            raise AnsibleFileNotFound(f"there is no file {in_path}") from None
        if done.exit_code != 0:
            raise AnsibleError(f"could not write {out_path} in {self._name}: {_text(done)}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the worker."""
        super().fetch_file(in_path, out_path)
        whole = False
        try:
            with open(out_path, "wb") as target:
                done = self._exec([_SH, "-c", 'exec cat < "$1"', "sh", in_path], stdout=target)
            whole = done.exit_code == 0
        finally:
            if not whole:
                os.unlink(out_path)
        if not whole:
            raise AnsibleError(f"could not read {in_path} in {self._name}: {_text(done)}")

    def reset(self) -> None:
        """Look for the worker anew."""
        self.close()

    def close(self) -> None:
        """Give back what is open."""
        if self._worker is not None:
            self._worker.close()
        self._worker = None
        self._connected = False

    @property
    def _name(self) -> str:
        return str(self.get_option("address"))

    def _exec_long(self, cmd: str, in_data: bytes | None) -> tuple[int, bytes, bytes]:
        kept = self._exec([_SH, "-c", _KEEP], os.fsencode(cmd))
        if kept.exit_code != 0:
            raise AnsibleError(f"could not write a command of {len(cmd)} characters in {self._name}: {_text(kept)}")
        path = os.fsdecode(kept.stdout.rstrip(b"\n"))
        try:
            return self._result(self._exec([_SH, path], in_data or b""))
        finally:
            self._exec(["rm", "-f", path])

    def _exec(
        self, command: Sequence[str], stdin: bytes | BinaryIO = b"", stdout: BinaryIO | None = None
    ) -> ExecResult:
        """Run a command. Raises AnsibleConnectionFailure when the worker cannot be reached, AnsibleError when it took too long."""
        try:
            if self._worker is None:
                self._worker = ReachedWorker({name: self.get_option(name) for name in _OPTIONS})
            done = self._worker.exec(command, stdin, stdout)
        except HodeiError as error:
            raise AnsibleConnectionFailure(str(error)) from None
        except ValueError as error:
            raise AnsibleError(f"hodei_timeout is {error}: write a duration such as 2h") from None
        if done.timed_out:
            raise AnsibleError(
                f"the command in {self._name} did not end within {self.get_option('command_timeout')} and was killed; "
                "hodei_timeout allows more"
            )
        return done

    @staticmethod
    def _result(done: ExecResult) -> tuple[int, bytes, bytes]:
        return done.exit_code, done.stdout, done.stderr


def _text(done: ExecResult) -> str:
    return done.stderr.decode(errors="replace").strip() or f"exit code {done.exit_code}"
