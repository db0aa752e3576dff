#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: worker_exec
short_description: Run a command inside a worker
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Runs a command in the environment, the directory and as the user of a worker. It fails when the command does not end with 0.
options:
  address:
    description:
      - The worker, such as V(worker.runner[0]) or V(runner[0]).
    type: str
    required: true
  command:
    description:
      - The words of the command line. It is no shell.
    type: list
    elements: str
    required: true
  stdin:
    description:
      - What the command reads.
    type: str
  timeout:
    description:
      - After which time the command and everything that it started is killed.
    type: str
    default: 1m
  limit:
    description:
      - How much of each of its outputs is returned. The beginning is kept.
    type: str
    default: 1Mi
  chdir:
    description:
      - Where to run it. The worker's working directory when left out.
    type: str
  user:
    description:
      - As whom to run it. The worker's user when left out.
    type: str
attributes:
  idempotent:
    description: Runs the command each time.
    support: none
  check_mode:
    description: The command is not run in check mode.
    support: full
seealso:
  - module: hodei.workers.worker_logs
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.attributes_info
"""

EXAMPLES = r"""
- name: Ask a runner for its version
  hodei.workers.worker_exec:
    address: runner[0]
    command: [./runner, --version]
  register: version
"""

RETURN = r"""
rc:
  description: The exit code, 127 when there is no such program.
  returned: when the command was run
  type: int
stdout:
  description: The standard output.
  returned: when the command was run
  type: str
stdout_lines:
  description: The same by lines.
  returned: when the command was run
  type: list
  elements: str
stderr:
  description: The error output.
  returned: when the command was run
  type: str
stderr_lines:
  description: The same by lines.
  returned: when the command was run
  type: list
  elements: str
stdout_base64:
  description: The standard output in base64.
  returned: when it is no UTF-8
  type: str
stderr_base64:
  description: The error output in base64.
  returned: when it is no UTF-8
  type: str
stdout_truncated:
  description: Whether O(limit) cut the standard output.
  returned: when the command was run
  type: bool
stderr_truncated:
  description: Whether O(limit) cut the error output.
  returned: when the command was run
  type: bool
timed_out:
  description: Whether it was killed because of O(timeout).
  returned: when the command was run
  type: bool
seconds:
  description: How long it took.
  returned: when the command was run
  type: float
address:
  description: The worker.
  returned: when the command was run
  type: str

error:
  description: What kind of error failed the task. The text of O(ignore:msg) says what to do.
  returned: failure
  type: dict
problems:
  description: Every problem of the document, each with its path, message, hint and source.
  returned: when the document or the plan is refused
  type: list
  elements: dict
"""

from ansible_collections.hodei.workers.plugins.module_utils.ansible import python_version  # noqa: F401 pylint: disable=unused-import
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.reading import run_exec
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, WORKERS, spec


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        WORKERS,
        address={"type": "str", "required": True},
        command={"type": "list", "elements": "str", "required": True},
        stdin={"type": "str"},
        timeout={"type": "str", "default": "1m"},
        limit={"type": "str", "default": "1Mi"},
        chdir={"type": "str"},
        user={"type": "str"},
    )
    run(argument_spec, run_exec)


if __name__ == "__main__":
    main()
