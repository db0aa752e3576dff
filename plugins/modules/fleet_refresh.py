#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_refresh
short_description: Make state follow the world
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Looks at every provider and writes what is there into state. No worker is changed.
  - With O(adopt_lineages) objects of another lineage of the same owner become part of this fleet.
options:
  adopt_lineages:
    description:
      - Lineages whose objects are adopted. Only their labels are changed.
    type: list
    elements: str
    default: []
  lease_timeout:
    description:
      - How long to wait for another run of the same owner to end.
    type: str
    default: 1m
  lease_ttl:
    description:
      - How long this run's lease on the owner lasts without being renewed.
    type: str
    default: 30s
  break_lease:
    description:
      - Take the lease although another run holds it. That run can write nothing any more.
    type: bool
    default: false
seealso:
  - module: hodei.workers.fleet_info
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.selection
  - hodei.workers.fleet.attributes
"""

EXAMPLES = r"""
- name: Record what is there
  hodei.workers.fleet_refresh:

- name: Take over what another lineage left behind
  hodei.workers.fleet_refresh:
    adopt_lineages: [0c6f1f0e-6c1e-4d0a-9a51-4f6d4f2f0b11]
"""

RETURN = r"""
adopted:
  description: Workers that state did not know.
  returned: success
  type: list
  elements: str
forgotten:
  description: Workers that are gone.
  returned: success
  type: list
  elements: str
updated:
  description: Workers whose recorded status was old.
  returned: success
  type: list
  elements: str
foreign:
  description: Objects of this owner that belong to another lineage.
  returned: success
  type: list
  elements: str
unseen:
  description: Providers that could not be seen, with the reason. Nothing is concluded about their workers.
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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.fleet_refresh import run_refresh
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, LEASE, SELECTION, WORKERS, spec


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        WORKERS,
        SELECTION,
        LEASE,
        adopt_lineages={"type": "list", "elements": "str", "default": []},
    )
    run(argument_spec, run_refresh)


if __name__ == "__main__":
    main()
