#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_init
short_description: Make the lineage, the state and the key of an owner, once, or delete them
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Every owner is initialised once on the machine that runs its tasks. What is there already is left as it is.
  - Put the lineage that it returns into the document, so that lost state costs nothing. Keep a copy of C(fleet.key).
options:
  state:
    description:
      - V(present) makes what is missing. V(absent) leaves nothing of the owner on the machine. It stops the supervisor and deletes
        state, key and directory.
    type: str
    choices: [present, absent]
    default: present
  confirm:
    description:
      - The name of the owner, needed with O(state=absent).
    type: str
  leave_workers:
    description:
      - With O(state=absent), let workers run on that are still there. They belong to nobody then. Without it they are in the way.
    type: bool
    default: false
  accept:
    description:
      - What is as it is meant to be although the state remembers otherwise. V(store.NAME) is a store of which an older copy, or another
        one, was put in its place. V(audit) is an audit chain that is lost or was cut off for good.
      - It is recorded in the audit chain.
    type: list
    elements: str
    default: []
attributes:
  diff_mode:
    support: none
seealso:
  - module: hodei.workers.fleet
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.attributes
"""

EXAMPLES = r"""
- name: Initialise an owner
  hodei.workers.fleet_init:
    owner: ci-prod
  register: fleet

- name: Go on with a store that I have put back from an older copy
  hodei.workers.fleet_init:
    accept: [store.local]

- name: Show what belongs into the document
  ansible.builtin.debug:
    msg: "{{ fleet.msg }}"
"""

RETURN = r"""
owner:
  description: The owner.
  returned: with O(state=present)
  type: str
lineage:
  description: The identity of the fleet.
  returned: success
  type: str
directory:
  description: Where state and key are.
  returned: success
  type: str
accepted:
  description: What was accepted with O(accept), in words.
  returned: with O(state=present)
  type: list
  elements: str
left:
  description: Files that are still there, because workers that run on use them, or because they are not ours.
  returned: with O(state=absent)
  type: list
  elements: str
made:
  description:
    - What was made (V(key), V(state), and what the configured stores need, such as V(key of store local), and V(audit key)).
    - V(another key of store local) says that it was brought under the key that is configured.
  returned: success
  type: list
  elements: str
msg:
  description: The lines that belong into the document.
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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.fleet_init import run_init
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, spec


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        confirm={"type": "str"},
        leave_workers={"type": "bool", "default": False},
        accept={"type": "list", "elements": "str", "default": []},
    )
    run(argument_spec, run_init)


if __name__ == "__main__":
    main()
