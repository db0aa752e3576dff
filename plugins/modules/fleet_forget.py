#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_forget
short_description: Let go of workers that go on running
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Makes workers belong to nobody. They run on as they are. No later converge, prune or destroy touches them, and no supervisor
    restarts them.
  - A document that still names such a worker gets another one with the next converge, and its plan says so.
  - What is forgotten already, or was never there, is left as it is.
options:
  targets:
    description:
      - What is forgotten, as addresses (V(worker.runner[2])), worker names (V(runner)) or globs (V(ci-*)). V(*) means the whole fleet.
    type: list
    elements: str
    required: true
  excludes:
    description:
      - Addresses, names or globs that are left alone.
    type: list
    elements: str
    default: []
seealso:
  - module: hodei.workers.fleet
  - module: hodei.workers.worker
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.run
  - hodei.workers.fleet.attributes
"""

EXAMPLES = r"""
- name: Take a worker out of the fleet and leave it running
  hodei.workers.fleet_forget:
    targets: ["worker.runner[2]"]
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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.converging import run_forget
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, RUN, WORKERS, spec


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        WORKERS,
        RUN,
        targets={"type": "list", "elements": "str", "required": True},
        excludes={"type": "list", "elements": "str", "default": []},
    )
    run(argument_spec, run_forget)


if __name__ == "__main__":
    main()
