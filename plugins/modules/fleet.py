#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet
short_description: Converge a whole fleet
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Compares the whole document with the world and makes the world equal to it. Creates, updates, replaces, starts and stops workers,
    and deletes those that the document no longer names.
  - Guards against accidents. An emptied document, a mass deletion, a fragment that this run does not see and whatever
    C(lifecycle.prevent_destroy) protects are refused before anything is touched.
  - Survives being killed at any moment. The next run looks at the world and goes on, without losing or doubling a worker.
options:
  state:
    description:
      - V(present) converges the document, V(absent) deletes every worker of the owner.
    type: str
    choices: [present, absent]
    default: present
  confirm:
    description:
      - The name of the owner, needed with O(state=absent).
    type: str
  plan:
    description:
      - Path of a plan that M(hodei.workers.fleet_plan) saved. It is applied exactly as it was saved, or refused when it was edited,
        belongs to another fleet, has expired, or when document, state or world have changed since.
      - The options of the saved plan are used, O(targets), O(prune) and the like are ignored.
    type: path
  fail_on:
    description:
      - Refuse before anything is touched when the plan holds one of these.
      - V(drift) is a worker that was changed from outside, V(change) is anything to do at all, V(delete) is a worker that would be
        deleted and not replaced.
    type: list
    elements: str
    choices: [drift, change, delete]
    default: []
seealso:
  - module: hodei.workers.fleet_plan
  - module: hodei.workers.worker
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.selection
  - hodei.workers.fleet.replace
  - hodei.workers.fleet.drain
  - hodei.workers.fleet.wait
  - hodei.workers.fleet.prune
  - hodei.workers.fleet.run
  - hodei.workers.fleet.attributes
"""

EXAMPLES = r"""
- name: Converge what the inventory says (hodei_owner, hodei_workers, ...)
  hodei.workers.fleet:

- name: Converge a document
  hodei.workers.fleet:
    document: fleet.yml
    max_deletes: 10

- name: Apply a plan that somebody has reviewed
  hodei.workers.fleet:
    document: fleet.yml
    plan: /var/lib/ci/monday.plan

- name: Converge, but not over what somebody changed by hand
  hodei.workers.fleet:
    fail_on: [drift]

- name: Delete the whole fleet
  hodei.workers.fleet:
    state: absent
    confirm: ci-prod
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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.converging import run_fleet
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import (
    DRAIN,
    FLEET,
    PRUNE,
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
        PRUNE,
        RUN,
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        confirm={"type": "str"},
        plan={"type": "path"},
        fail_on={"type": "list", "elements": "str", "choices": ["drift", "change", "delete"], "default": []},
    )
    run(argument_spec, run_fleet)


if __name__ == "__main__":
    main()
