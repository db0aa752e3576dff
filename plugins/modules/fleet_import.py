#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_import
short_description: Take over what runs already
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Makes a running object that belongs to nobody a worker of this fleet, under an address that the document describes. The object itself
    is not touched.
  - Everything that the document says of the worker is compared with the object first. What differs, or cannot be verified, is
    told and refused before anything is done.
  - What is a worker under this address already is left as it is.
options:
  imports:
    description:
      - What is taken over.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description:
          - The worker of the document that it becomes, such as V(worker.web) or V(worker.web[0]).
        type: str
        required: true
      id:
        description:
          - What the platform calls it. For the process provider its process id.
        type: str
        required: true
  accept_differences:
    description:
      - Take over an object that differs from the document, too. The next plan says what is to be changed or replaced.
    type: bool
    default: false
seealso:
  - module: hodei.workers.fleet
  - module: hodei.workers.fleet_forget
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.run
  - hodei.workers.fleet.attributes
"""

EXAMPLES = r"""
- name: A server that somebody has started by hand becomes worker.web
  hodei.workers.fleet_import:
    imports:
      - {address: worker.web, id: "4711"}
"""

RETURN = r"""
plan:
  description: The plan, as M(hodei.workers.fleet_plan) describes it.
  returned: success
  type: dict
results:
  description: What became of each change. Empty in check mode.
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

error:
  description: What kind of error failed the task. The text of O(ignore:msg) says what to do.
  returned: failure
  type: dict
problems:
  description: Everything that is in the way, each with its path, message, hint and source.
  returned: when the document or an import is refused
  type: list
  elements: dict
"""

from ansible_collections.hodei.workers.plugins.module_utils.ansible import python_version  # noqa: F401 pylint: disable=unused-import
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.fleet_import import run_import
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, RUN, WORKERS, spec


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        WORKERS,
        RUN,
        imports={
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "address": {"type": "str", "required": True},
                "id": {"type": "str", "required": True},
            },
        },
        accept_differences={"type": "bool", "default": False},
    )
    run(argument_spec, run_import)


if __name__ == "__main__":
    main()
