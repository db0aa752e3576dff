#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret
short_description: Converge secrets in a store
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Plans and converges one secret or a list of secrets. A value is given, generated, or copied from another secret.
  - Whether a value is already in the store is told by a keyed digest in the tags of the secret, so no value is read to find out.
  - Touches only what it names. The module M(hodei.workers.fleet) converges the secrets of a whole document, before the workers.
  - Values never appear in results, diffs, state, or logs. Give them from Ansible Vault, or from a lookup.
  - The store has to be there. The playbook C(hodei.workers.init) makes the one of type V(local), with its key, once.
options:
  state:
    description:
      - V(present) makes the secret what the task says. One of ours that was deleted comes back.
      - V(absent) deletes it so that it can be restored. V(restored) does that, and changes nothing else.
      - V(destroyed) deletes all its values for good.
    type: str
    choices: [present, absent, destroyed, restored]
    default: present
  replace:
    description:
      - Give these secrets another value though nothing has changed, by name or address, such as V(db/password).
    type: list
    elements: str
    default: []
seealso:
  - module: hodei.workers.secret_info
  - module: hodei.workers.fleet
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.secrets
  - hodei.workers.fleet.run
  - hodei.workers.fleet.attributes
  - hodei.workers.secret_document
"""

EXAMPLES = r"""
- name: A password that is generated once
  hodei.workers.secret:
    owner: ci-prod
    name: db/password
    generate:
      type: password
      length: 32

- name: A value from Ansible Vault
  hodei.workers.secret:
    name: api/key
    value: "{{ vault_api_key }}"
    tags:
      team: ci

- name: Several at once
  hodei.workers.secret:
    secrets:
      - name: tls/key
        generate:
          type: tls
          common_name: ci.example
      - name: copy/of/password
        from:
          secret: db/password

- name: Delete one, so that it can be restored
  hodei.workers.secret:
    name: api/key
    state: absent
"""

RETURN = r"""
plan:
  description: The plan, as M(hodei.workers.fleet_plan) describes it.
  returned: success
  type: dict
results:
  description: What became of each change, as M(hodei.workers.fleet) describes it. Empty in check mode.
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
restored:
  description: The addresses of the secrets that were deleted and are back.
  returned: when O(state=restored)
  type: list
  elements: str
secrets:
  description: The named secrets after the run, as M(hodei.workers.secret_info) describes them. Empty in check mode.
  returned: success
  type: list
  elements: dict
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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.secret import run_secret
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import (
    FLEET,
    ONE_SECRET,
    REPLACE,
    RUN,
    SECRETS,
    spec,
)


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        SECRETS,
        REPLACE,
        RUN,
        ONE_SECRET,
        state={"type": "str", "choices": ["present", "absent", "destroyed", "restored"], "default": "present"},
    )
    run(argument_spec, run_secret)


if __name__ == "__main__":
    main()
