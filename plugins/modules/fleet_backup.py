#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_backup
short_description: Save and restore a fleet's state, key and secrets
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Writes state, lineage and key of a fleet to one file with a checksum, while runs may go on, or brings them back from it. The encrypted
    files of its stores on this machine and its audit chain are in it, too, and their keys only with O(keys=true).
  - The file holds the key of the fleet. It is readable for its owner only. Keep it like a password.
  - After a restore the next converge compares the restored state with the world, and nothing is lost or made twice.
options:
  path:
    description:
      - The file, on the machine where the state is.
    type: path
    required: true
  state:
    description:
      - V(present) writes the file, and replaces an older one.
      - V(restored) puts state and key of the file in the place of what is there. Refused are a backup of another owner or lineage, one
        of another key, and any while a run holds the lease.
    type: str
    choices: [present, restored]
    default: present
  force:
    description:
      - Restore although the state that is there is newer.
    type: bool
    default: false
  accept:
    description:
      - Stores, each as V(store.NAME), of which an older copy may take the place of a newer one, so that secrets that were changed since
        get their old values. It is recorded in the audit chain.
    type: list
    elements: str
    default: []
  keys:
    description:
      - Put the keys of stores that lie in files, and the private key of the audit chain, into the file too. Whoever has it can read all
        secrets then. Keys that come from elsewhere are never in it.
    type: bool
    default: false
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.attributes
"""

EXAMPLES = r"""
- name: Save state and key
  hodei.workers.fleet_backup:
    path: /var/backups/team-ci.hodei

- name: Bring them back
  hodei.workers.fleet_backup:
    path: /var/backups/team-ci.hodei
    state: restored
"""

RETURN = r"""
file:
  description: The file.
  returned: success
  type: str
owner:
  description: Whose fleet it is.
  returned: success
  type: str
lineage:
  description: The identity of the fleet.
  returned: success
  type: str
serial:
  description: How many changes the saved state had seen.
  returned: success
  type: int
made_at:
  description: When the backup was made, in seconds since 1970.
  returned: success
  type: float

stores:
  description: The stores that are in the file.
  returned: success
  type: list
  elements: str
keys:
  description: The keys that are in the file, by their names. The fleet's own is always there.
  returned: success
  type: list
  elements: str
restored:
  description: What was put back besides state and key, V(audit) and stores as V(store.NAME).
  returned: with O(state=restored)
  type: list
  elements: str

error:
  description: What kind of error failed the task. The text of O(ignore:msg) says what to do.
  returned: failure
  type: dict
"""

from ansible_collections.hodei.workers.plugins.module_utils.ansible import python_version  # noqa: F401 pylint: disable=unused-import
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.fleet_backup import run_backup
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, spec


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        path={"type": "path", "required": True},
        state={"type": "str", "choices": ["present", "restored"], "default": "present"},
        force={"type": "bool", "default": False},
        accept={"type": "list", "elements": "str", "default": []},
        keys={"type": "bool", "default": False, "no_log": False},
    )
    run(argument_spec, run_backup)


if __name__ == "__main__":
    main()
