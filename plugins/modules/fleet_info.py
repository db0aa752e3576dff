#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_info
short_description: Say how a fleet is
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Returns lineage, lease, history, drift and what is overdue. Takes no lease and writes nothing.
options:
  history:
    description:
      - How many of the latest runs to return.
    type: int
    default: 10
seealso:
  - module: hodei.workers.worker_info
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.attributes_info
"""

EXAMPLES = r"""
- name: Look at the fleet
  hodei.workers.fleet_info:
  register: fleet

- name: Complain about drift
  ansible.builtin.assert:
    that: fleet.drift | length == 0
"""

RETURN = r"""
owner:
  description: The owner.
  returned: success
  type: str
lineage:
  description: The identity of the fleet.
  returned: success
  type: str
serial:
  description: How many times state has been written.
  returned: success
  type: int
directory:
  description: Where state and key are.
  returned: success
  type: str
lease:
  description: Who holds the lease and until when, null when nobody does.
  returned: success
  type: dict
history:
  description: The latest runs, newest first.
  returned: success
  type: list
  elements: dict
drift:
  description: What the world changed since the last converge, each with address, reason and the cure that a converge would apply.
  returned: success
  type: list
  elements: dict
pending:
  description: How many changes a converge would make.
  returned: success
  type: int
overdue:
  description: What is late and by how many seconds.
  returned: success
  type: list
  elements: dict
draining:
  description:
    - Who finishes its work before it is stopped. Each with address, generation, C(since) (Unix seconds), C(told) (it takes no more work),
      C(then) (what its provider does as soon as it is idle) and C(expiring) (its time to live is over).
  returned: success
  type: list
  elements: dict
foreign:
  description: Objects of this owner that belong to another lineage.
  returned: success
  type: list
  elements: str
unseen:
  description: Providers that could not be seen, with the reason.
  returned: success
  type: dict
providers:
  description: Type, version, health and warnings of each provider, and what its workers survive.
  returned: success
  type: dict
workers:
  description: How many workers are in which state.
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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.reading import run_fleet_info
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, WORKERS, spec


def main() -> None:
    """Run the module."""
    argument_spec = spec(FLEET, WORKERS, history={"type": "int", "default": 10})
    run(argument_spec, run_fleet_info)


if __name__ == "__main__":
    main()
