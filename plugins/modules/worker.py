#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: worker
short_description: Converge the workers that the task names
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Plans and converges one worker or a list of workers, in one process and in parallel, on any configured provider.
  - Touches only what it names. Use M(hodei.workers.fleet) to converge a whole document and to prune what it no longer names.
  - An owner is initialised once with M(hodei.workers.fleet_init).
options:
  state:
    description:
      - V(present) makes the worker what the task says and starts it if it is new or broken. One that was stopped or paused on purpose
        stays so.
      - V(started), V(stopped) and V(paused) do the same and see to the run state, too.
      - V(restarted) restarts a worker that runs.
      - V(absent) deletes it.
    type: str
    choices: [present, started, stopped, paused, restarted, absent]
    default: present

seealso:
  - module: hodei.workers.fleet
  - module: hodei.workers.worker_info
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.selection
  - hodei.workers.fleet.replace
  - hodei.workers.fleet.drain
  - hodei.workers.fleet.wait
  - hodei.workers.fleet.run
  - hodei.workers.fleet.attributes
  - hodei.workers.worker_document
"""

EXAMPLES = r"""
- name: Run four CI runners as processes
  hodei.workers.worker:
    owner: ci-prod
    name: runner
    count: 4
    command: [/opt/ci/bin/runner, --queue, default]
    env:
      LOG_LEVEL: info
    restart: always

- name: Pause two of them
  hodei.workers.worker:
    name: runner
    count: 4
    command: [/opt/ci/bin/runner, --queue, default]
    state: paused
    targets: ["runner[0]", "runner[1]"]

- name: Several workers in one task
  hodei.workers.worker:
    workers:
      - name: queue
        command: [/opt/ci/bin/queue]
      - name: web
        command: [/opt/ci/bin/web, --port, "$(HODEI_PORT_HTTP)"]
        ports:
          - name: http
        health:
          http:
            path: /healthz
            port: http
        depends_on: [queue]
"""

RETURN = r"""
plan:
  description: The plan, as M(hodei.workers.fleet_plan) describes it.
  returned: success
  type: dict
results:
  description: What became of each change. Empty in check mode.
  returned: success or failure after something was begun
  type: list
  elements: dict
  contains:
    address:
      description: Which worker.
      type: str
      sample: worker.runner[0]
    action:
      description: What was done, such as V(create) or V(replace).
      type: str
    status:
      description:
        - V(done), V(failed), V(skipped) (never begun), V(waiting) (for the worker to finish its work, see O(wait_for_drain)) or
          V(unrecorded) (begun, but how it ended is not known, the next run settles it).
      type: str
    reason:
      description: Why it was done, or why it did not succeed.
      type: str
    seconds:
      description: How long it took.
      type: float
    worker:
      description: The state, native id and ports of the worker.
      type: dict
overdue:
  description: What is late and by how many seconds.
  returned: success
  type: list
  elements: dict
run_id:
  description: The id of the run in the history. Empty in check mode.
  returned: success
  type: str

workers:
  description: The named workers after the run, in check mode as they are now.
  returned: success
  type: list
  elements: dict
  sample:
    - address: worker.runner[0]
      state: running
      external_id: runner+0.1
      ports:
        http: 20001

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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.converging import run_worker
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import (
    DRAIN,
    FLEET,
    ONE_WORKER,
    REPLACE,
    RUN,
    SELECTION,
    WAIT,
    WORKERS,
    spec,
)


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        WORKERS,
        SELECTION,
        REPLACE,
        DRAIN,
        WAIT,
        RUN,
        ONE_WORKER,
        state={
            "type": "str",
            "choices": ["present", "started", "stopped", "paused", "restarted", "absent"],
            "default": "present",
        },
    )
    run(argument_spec, run_worker)


if __name__ == "__main__":
    main()
