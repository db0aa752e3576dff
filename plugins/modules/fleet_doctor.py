#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_doctor
short_description: Examine a fleet and the machine that it runs on
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Looks at the interpreter, libraries, rights, places, disk space, clock, document, state, lease, providers, supervisor and at what
    was left over, and says of each whether it is as it should be, with the cure where it is not.
  - One finding never hides another. A document that cannot be read, an owner that was never initialised, a damaged state and a
    provider that does not answer are findings, not failures of the task.
  - Changes nothing and takes no lease.
seealso:
  - module: hodei.workers.fleet_info
notes:
  - The playbook C(hodei.workers.doctor) shows the table, and fails when C(hodei_doctor_fail_on) says so.
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.attributes_info
"""

EXAMPLES = r"""
- name: Examine the fleet
  hodei.workers.fleet_doctor:
  register: doctor

- name: Show what was found
  ansible.builtin.debug:
    msg: "{{ doctor.table.splitlines() }}"

- name: Go on only when nothing is in the way
  ansible.builtin.assert:
    that: doctor.verdict != 'problem'
    fail_msg: "{{ doctor.summary }}"
"""

RETURN = r"""
verdict:
  description: The worst of what was found, V(ok), V(warning) or V(problem).
  returned: always
  type: str
summary:
  description: How much was found, in one line.
  returned: always
  type: str
  sample: 1 problem, 2 warnings, 14 ok
totals:
  description: How many findings there are of each level.
  returned: always
  type: dict
table:
  description: The findings as text, one line each, with the cure below.
  returned: always
  type: str
findings:
  description: Everything that was looked at.
  returned: always
  type: list
  elements: dict
  contains:
    area:
      description: What it is about.
      type: str
      sample: lease
    level:
      description: V(ok), V(warning) (worth knowing) or V(problem) (in the way of a converge).
      type: str
    message:
      description: What was found.
      type: str
    cure:
      description: What to do, empty when there is nothing to do.
      type: str
owner:
  description: The owner, empty when it is not known.
  returned: always
  type: str
now:
  description: The host's time in Unix seconds, as it was at the end.
  returned: always
  type: float
"""

from ansible_collections.hodei.workers.plugins.module_utils.ansible import python_version  # noqa: F401 pylint: disable=unused-import
from ansible_collections.hodei.workers.plugins.module_utils.ansible.doctor.examine import run_doctor
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, WORKERS, spec


def main() -> None:
    """Run the module."""
    run(spec(FLEET, WORKERS), run_doctor)


if __name__ == "__main__":
    main()
