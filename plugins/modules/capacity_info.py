#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: capacity_info
short_description: Say what providers have and what of it is used
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Returns CPU, memory and workers of each provider. Takes no lease and writes nothing.
seealso:
  - module: hodei.workers.fleet_info
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.attributes_info
"""

EXAMPLES = r"""
- name: Ask what there is
  hodei.workers.capacity_info:
  register: capacity

- name: Complain when memory runs out
  ansible.builtin.assert:
    that: capacity.providers.local.memory_used < 0.9 * capacity.providers.local.memory_total
"""

RETURN = r"""
providers:
  description: Each provider by its name. A figure is null where the provider cannot know it.
  returned: success
  type: dict
  contains:
    cpu_total:
      description: CPU in millicores.
      type: int
    cpu_used:
      description:
        - CPU in use in millicores. The process provider tells the load of the last minute, the Docker provider what all containers
          of the Engine use.
      type: int
    memory_total:
      description: Memory in bytes.
      type: int
    memory_used:
      description: Memory in use in bytes, by whomever; the Docker provider tells what all containers of the Engine use.
      type: int
    workers:
      description: How many workers of this owner are alive there.
      type: int
unseen:
  description: Providers that could not be asked, with the reason.
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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.capacity_info import run_capacity_info
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, spec


def main() -> None:
    """Run the module."""
    run(spec(FLEET), run_capacity_info)


if __name__ == "__main__":
    main()
