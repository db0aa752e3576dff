#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_key
short_description: Change the key that signs the audit chain
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Hands the audit chain of an owner over to a new key when the present one is too old. The old key signs that, and is destroyed then.
    The chain can be verified across it, from the public key that it began with.
  - Anchors are told. Copy the new public key to where the auditor is.
options:
  max_age:
    description:
      - How old a key may become, such as V(90d). One that is as old as that is changed. Left out, it is changed each time.
    type: str
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.attributes
attributes:
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: With O(max_age) only.
seealso:
  - module: hodei.workers.audit_info
"""

EXAMPLES = r"""
- name: Have a new key each quarter
  hodei.workers.audit_key:
    max_age: 90d
  register: audit

- name: Give its public half to the auditor
  ansible.builtin.copy:
    src: "{{ audit.public_key }}"
    dest: /srv/auditor/
    mode: "0644"
    remote_src: true
"""

RETURN = r"""
key:
  description: The id of the key that signs what comes next.
  returned: success
  type: str
public_key:
  description: The file of its public half.
  returned: success
  type: str
age:
  description: For how many seconds it has signed, or longer where records of before are no longer kept.
  returned: success
  type: int

error:
  description: What kind of error failed the task. The text of O(ignore:msg) says what to do.
  returned: failure
  type: dict
problems:
  description: Every problem of the options, each with its path, message, hint and source.
  returned: when an option is refused
  type: list
  elements: dict
"""

from ansible_collections.hodei.workers.plugins.module_utils.ansible import python_version  # noqa: F401 pylint: disable=unused-import
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_key import run_audit_key
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, spec


def main() -> None:
    """Run the module."""
    run(spec(FLEET, max_age={"type": "str"}), run_audit_key)


if __name__ == "__main__":
    main()
