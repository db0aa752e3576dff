# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter hodei.workers.secret_reference."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secret_reference
short_description: A word in a worker's file that stands for a secret
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Returns a word to write into C(content) or C(template) of a worker's C(files). The worker is given the file with the value in
    the place of the word; the value itself is neither on the controller's disk, nor in an argument, a plan, or state.
  - A file with such a word is treated as C(secrets) are. It is written anew when one of its secrets has another version.
  - The word has to stay as it is. What is made of it by another filter, such as C(b64encode), stands for nothing.
positional: _input
options:
  _input:
    description: The name of the secret; V(@acme/db/password) has a tenant.
    type: str
    required: true
  store:
    description: The store that it lies in. Where the document has the secret, else the only store, when left out.
    type: str
    default: ""
  field:
    description: One field of a secret that has fields.
    type: str
    default: ""
  version:
    description: A certain version. The current one, also when that changes, when left out.
    type: int
"""

EXAMPLES = r"""
- name: A worker with a password in its configuration
  hodei.workers.worker:
    name: runner
    program: /usr/local/bin/runner
    files:
      - path: runner.toml
        mode: "0400"
        content: |
          url = "https://ci.example.org"
          token = "{{ 'ci/runner-token' | hodei.workers.secret_reference }}"
          password = "{{ 'db/login' | hodei.workers.secret_reference(field='password') }}"
"""

RETURN = r"""
_value:
  description: The word.
  type: str
"""

from collections.abc import Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.placeholders import reference


def secret_reference(secret: str, store: str = "", field: str = "", version: int | None = None) -> str:
    """Return the word that stands for a secret."""
    try:
        return reference(str(secret), store=str(store), field=str(field), version=version)
    except HodeiError as error:
        raise AnsibleFilterError(f"hodei.workers.secret_reference: {error}") from None


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters by name."""
        return {"secret_reference": secret_reference}
