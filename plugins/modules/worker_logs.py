#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: worker_logs
short_description: Read the log of a worker
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Returns what a worker has written, and what it writes in the next seconds.
options:
  address:
    description:
      - The worker, such as V(worker.runner[0]) or V(runner[0]).
    type: str
    required: true
  tail:
    description:
      - Only this many lines from the end.
    type: int
  since:
    description:
      - Only what was written after a time in ISO form or Unix seconds, or within a duration such as V(10m).
    type: str
  follow:
    description:
      - For how long to go on reading. Reading goes on when the worker restarts, and with the worker that takes its place.
    type: str
    default: 0s
  limit:
    description:
      - How much is returned. The end is kept.
    type: str
    default: 1Mi
seealso:
  - module: hodei.workers.worker_info
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.attributes_info
"""

EXAMPLES = r"""
- name: Read the last lines of a runner
  hodei.workers.worker_logs:
    address: runner[0]
    tail: 50

- name: Watch it for ten seconds
  hodei.workers.worker_logs:
    address: runner[0]
    since: 1m
    follow: 10s
"""

RETURN = r"""
log:
  description: What the worker has written.
  returned: success
  type: str
log_lines:
  description: The same by lines.
  returned: success
  type: list
  elements: str
log_base64:
  description: The same in base64.
  returned: when it is no UTF-8
  type: str
truncated:
  description: Whether O(limit) cut its beginning.
  returned: success
  type: bool
address:
  description: The worker.
  returned: success
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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.reading import run_logs
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, WORKERS, spec


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        WORKERS,
        address={"type": "str", "required": True},
        tail={"type": "int"},
        since={"type": "str"},
        follow={"type": "str", "default": "0s"},
        limit={"type": "str", "default": "1Mi"},
    )
    run(argument_spec, run_logs)


if __name__ == "__main__":
    main()
