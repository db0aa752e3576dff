#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_orphans
short_description: Find and delete objects that nobody remembers
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Lists the objects of this owner that belong to another lineage, or to this one but to no worker that the document or the state knows.
  - With O(state=absent) it deletes those of the lineages that are named, when they are old enough and no run that is known holds the
    lease of their lineage. Check mode shows which.
  - Never touched are objects of another owner, younger ones, those whose age or state is unknown, those that are protected by
    C(lifecycle.prevent_destroy), and everything of a provider that could not be seen whole.
  - What has C(lifecycle.drain) and works is told to finish, and left to a later run.
options:
  state:
    description:
      - V(listed) only looks. V(absent) deletes.
    type: str
    choices: [listed, absent]
    default: listed
  lineages:
    description:
      - The lineages whose objects may be deleted. This fleet's own has to be named, too.
    type: list
    elements: str
    default: []
  older_than:
    description:
      - How old an object has to be.
    type: str
    default: 1h
  max_deletes:
    description:
      - More than so many are not deleted; the task fails instead and deletes nothing.
    type: int
    default: 20
  states:
    description:
      - Directories of other states of this owner that this machine can read. What belongs to the lineage of one whose lease is held is left
        alone. The owner's usual directory is always looked at.
    type: list
    elements: path
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
  - module: hodei.workers.fleet_refresh
    description: Adopts the objects of another lineage instead.
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.attributes
"""

EXAMPLES = r"""
- name: What is there that nobody remembers?
  hodei.workers.fleet_orphans:

- name: Delete what a lost fleet left behind
  hodei.workers.fleet_orphans:
    state: absent
    lineages: [0c6f1f0e-6c1e-4d0a-9a51-4f6d4f2f0b11]
    older_than: 1d
"""

RETURN = r"""
orphans:
  description:
    - Each object that nobody remembers, with C(address), C(generation), C(provider), C(id), C(lineage), C(state), C(age) in seconds,
      C(kept) (why it stays, empty when it goes) and C(error).
  returned: success
  type: list
  elements: dict
collected:
  description: Addresses of what was deleted, or would be in check mode.
  returned: success
  type: list
  elements: str
unseen:
  description: Providers that could not be seen whole, with the reason. Nothing is concluded about their objects.
  returned: success
  type: dict

error:
  description: What kind of error failed the task. The text of O(ignore:msg) says what to do.
  returned: failure
  type: dict
problems:
  description: Every problem of the document, each with its path, message, hint and source.
  returned: when the document is refused
  type: list
  elements: dict
"""

from ansible_collections.hodei.workers.plugins.module_utils.ansible import python_version  # noqa: F401 pylint: disable=unused-import
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.fleet_orphans import run_orphans
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, LEASE, WORKERS, spec


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        WORKERS,
        LEASE,
        state={"type": "str", "choices": ["listed", "absent"], "default": "listed"},
        lineages={"type": "list", "elements": "str", "default": []},
        older_than={"type": "str", "default": "1h"},
        max_deletes={"type": "int", "default": 20},
        states={"type": "list", "elements": "path", "default": []},
    )
    run(argument_spec, run_orphans)


if __name__ == "__main__":
    main()
