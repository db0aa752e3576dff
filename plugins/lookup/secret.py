# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup hodei.workers.secret."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secret
short_description: Read a secret
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Returns the value of a secret from a store of C(hodei_stores), in any playbook.
  - All lookups of one ansible-playbook share one login for each store and identity, and read each version of a secret once. The first
    one starts a process for that, which answers this playbook only and forgets everything when it ends.
  - All hosts of a play get the same value, the one that was current when the playbook first asked. What modules of this collection
    write is seen by the next lookup; for what others write there is O(max_age).
  - What it returns is never templated again. Tasks that use it show it unless they say C(no_log).
options:
  _terms:
    description: Names of secrets.
    type: list
    elements: str
    required: true
  store:
    description:
      - The name of the store. Left out, it is the one that C(hodei_secrets) names for this secret, else the only one of O(stores).
    type: str
  stores:
    description: The stores by name, as in C(hodei_stores), which is used when this is left out.
    type: dict
  owner:
    description: Whose fleet this is. Left out, it is C(hodei_owner) or E(HODEI_OWNER).
    type: str
  tenant:
    description: The tenant that the secret belongs to.
    type: str
    default: ''
  field:
    description: One field of a secret that is a JSON object. Left out, all of it is returned.
    type: str
    default: ''
  version:
    description: The number of a version, or V(current), V(previous) or V(pending).
    type: str
    default: current
  max_age:
    description: How many seconds ago a stage may have been read at most. Left out, once in a playbook is enough.
    type: float
  on_missing:
    description:
      - What to do when there is no such secret, version or field. V(warn) and V(skip) return O(default), or nothing where it is not given.
      - V(error) when left out, or V(skip) where O(default) is given.
    type: str
    choices: [error, warn, skip]
  on_deleted:
    description: The same for a secret that is deleted and could be restored. As O(on_missing) when left out.
    type: str
    choices: [error, warn, skip]
  on_denied:
    description: The same for a secret that this identity may not read.
    type: str
    choices: [error, warn, skip]
    default: error
  default:
    description: What is returned in place of a secret that is not there, see O(on_missing).
    type: raw
seealso:
  - plugin: hodei.workers.workers
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Write a file with a password
  ansible.builtin.copy:
    content: "password={{ lookup('hodei.workers.secret', 'db/password') }}\n"
    dest: /etc/app.conf
    mode: "0600"
  no_log: true

- name: Call with one field of a secret, while it is being rotated
  ansible.builtin.uri:
    url: https://api.example
    url_password: "{{ lookup('hodei.workers.secret', 'api/account', field='token', version='pending') }}"
  no_log: true

- name: Go on without a secret that nobody made yet
  ansible.builtin.debug:
    msg: "{{ lookup('hodei.workers.secret', 'mail/footer', default='') | length }} characters"
"""

RETURN = r"""
_raw:
  description: The values, in the order of the names.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ansible_collections.hodei.workers.plugins.module_utils.ansible import (  # pylint: disable=unused-import
    python_version,  # noqa: F401
)
from ansible_collections.hodei.workers.plugins.module_utils.ansible.bytecode import kept


class LookupModule(LookupBase):
    """Asks the playbook's broker."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """Return the values."""
        self.set_options(var_options=variables, direct=kwargs)
        with kept():
            return self._asked(terms, variables or {}, kwargs)

    def _asked(self, terms: list[Any], variables: dict[str, Any], given: dict[str, Any]) -> list[Any]:
        from ansible_collections.hodei.workers.plugins.module_utils.ansible import lookup
        from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
        from ansible_collections.hodei.workers.plugins.plugin_utils import secrets

        options = {name: self.get_option(name) for name in lookup.OPTIONS}
        try:
            lookup.refuse_unknown(given)
            found = lookup.look_up(
                terms,
                options,
                variables,
                template=self._templar.template,
                load=lambda path: secrets.load(path, self._loader, variables),
                desk=secrets.desk(),
                warn=Display().warning,
            )
        except HodeiError as error:
            problem = AnsibleLookupError(f"hodei.workers.secret: {error}")
        else:
            return [secrets.never_templated(value) for value in found]
        raise problem
