#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: worker_info
short_description: Say how workers are
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Returns state, ports, restarts and events of workers, and where each setting comes from. Takes no lease and writes nothing.
options:
  events:
    description:
      - How many of the latest events to return for each worker.
    type: int
    default: 20
  wait:
    description:
      - Wait until every selected worker is in one of O(wait_states). Nobody is kept from changing them meanwhile.
      - Providers tell what changes, so that the task goes on at once; one that cannot tell is asked every two seconds or sooner.
    type: bool
    default: false
    version_added: 0.1.0
  wait_states:
    description:
      - The states that a worker may be in when the task goes on. One that nothing selects, and that is not there, is V(absent).
    type: list
    elements: str
    choices: [creating, starting, running, degraded, recovering, paused, stopping, stopped, completed, failed, absent, unknown]
    default: [running]
    aliases: [wait_state]
    version_added: 0.1.0
  wait_timeout:
    description:
      - How long to wait. After that the task fails, and says which workers are in which state.
    type: str
    default: 2m
    version_added: 0.1.0
seealso:
  - module: hodei.workers.fleet_info
  - module: hodei.workers.worker_logs
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.selection
  - hodei.workers.fleet.attributes_info
"""

EXAMPLES = r"""
- name: Look at one worker
  hodei.workers.worker_info:
    targets: ["runner[0]"]
  register: runner

- name: Go on when all runners are up
  hodei.workers.worker_info:
    targets: ["runner*"]
    wait: true
    wait_timeout: 5m

- name: Go on when the import has ended, well or not
  hodei.workers.worker_info:
    targets: [import]
    wait: true
    wait_states: [completed, failed]
  register: import

- name: Show its port
  ansible.builtin.debug:
    var: runner.workers[0].ports.http
"""

RETURN = r"""
workers:
  description: The workers that the document names and those that are there.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: Which worker.
      type: str
    state:
      description:
        - One of V(creating), V(starting), V(running), V(degraded), V(recovering), V(paused), V(stopping), V(stopped), V(completed),
          V(failed), V(absent) and V(unknown). Unknown is what could not be seen; what was looked for and is not there is absent.
      type: str
    reason:
      description: Why it is in that state.
      type: str
    provider:
      description: Where it runs.
      type: str
    external_id:
      description: Its native id.
      type: str
    ports:
      description: Its ports by name.
      type: dict
    forwards:
      description: Local ports that lead to it, see M(hodei.workers.worker_forward).
      type: list
      elements: dict
    details:
      description: What else its provider tells of it. A living process has its C(pid).
      type: dict
    restarts:
      description: How many times it was restarted.
      type: int
    exit_code:
      description: How it ended last, negative for a signal.
      type: int
    draining:
      description: Since when it finishes its work before it is stopped, as M(hodei.workers.fleet_info) says it. Nothing when it does not.
      type: dict
    events:
      description: What happened to it, oldest first.
      type: list
      elements: dict
    desired:
      description: What the document says, values of C(env) as keyed digests unless they are declared visible.
      type: dict
    source:
      description: Where in the document it stands.
      type: str
settings:
  description: Each setting with its value and the source that it comes from.
  returned: success
  type: dict
unseen:
  description: Providers that could not be seen, with the reason.
  returned: success
  type: dict

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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.reading import run_worker_info
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import (
    FLEET,
    SELECTION,
    WAIT_STATES,
    WORKERS,
    spec,
)


def main() -> None:
    """Run the module."""
    argument_spec = spec(FLEET, WORKERS, SELECTION, WAIT_STATES, events={"type": "int", "default": 20})
    run(argument_spec, run_worker_info)


if __name__ == "__main__":
    main()
