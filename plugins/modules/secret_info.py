#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_info
short_description: Tell what secrets there are
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Lists the secrets of the configured stores with their versions, stages and ages. Never a value.
options:
  names:
    description:
      - Only these secrets, by their names, such as V(db/password) or V(@acme/db/password). Left out, all of them.
    type: list
    elements: str
    default: []
seealso:
  - module: hodei.workers.secret
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.attributes_info
"""

EXAMPLES = r"""
- name: What is there of one secret?
  hodei.workers.secret_info:
    names: [db/password]
  register: known
"""

RETURN = r"""
stores:
  description:
    - The stores by name that count what is written to them, each with C(id), C(generation), and C(remembered), which is the generation
      that the state knows. A store that was put back is refused, unless nothing is remembered of it.
  returned: success
  type: dict
secrets:
  description: The secrets, those included that are deleted and can be restored.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name, with its tenant before it where it has one.
      type: str
    store:
      description: The configured store that it lies in.
      type: str
    used_by:
      description: The workers that are given it, as the last converge wrote that down.
      type: list
      elements: str
    owner:
      description: Whose fleet converges it. Nobody's where it was made by other means.
      type: str
    deleted_at:
      description: Since when it is deleted, in Unix seconds.
      type: float
    expires_at:
      description: When its value should have been rotated, in Unix seconds.
      type: float
    overdue:
      description: By how many seconds that is over.
      type: int
    tags:
      description: Its tags.
      type: dict
    versions:
      description: Its versions, oldest first, each with V(version), V(stage), V(age) and V(created_at) in seconds, and V(destroyed).
      type: list
      elements: dict
error:
  description: What kind of error failed the task. The text of O(ignore:msg) says what to do.
  returned: failure
  type: dict
"""

from ansible_collections.hodei.workers.plugins.module_utils.ansible import python_version  # noqa: F401 pylint: disable=unused-import
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.secret import run_secret_info
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, spec


def main() -> None:
    """Run the module."""
    run(spec(FLEET, names={"type": "list", "elements": "str", "default": []}), run_secret_info)


if __name__ == "__main__":
    main()
