#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_plan
short_description: Say what a converge would do, and save it for later
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Makes the same plan as M(hodei.workers.fleet) and shows it. No worker and no state is touched, and no lease is taken.
  - With O(path) the plan is saved, sealed with the fleet's key, to be applied exactly by M(hodei.workers.fleet).
options:
  state:
    description:
      - Plan to converge the document (V(present)), or to delete every worker of the owner (V(absent)).
    type: str
    choices: [present, absent]
    default: present
  path:
    description:
      - Where to save the plan. It holds no secret and no value of C(env).
    type: path
  expires:
    description:
      - For how long a saved plan may be applied.
    type: str
    default: 1d
  markdown:
    description:
      - Return the plan as Markdown too, for a comment on a merge request.
    type: bool
    default: false
  markdown_limit:
    description:
      - How many bytes the Markdown may have. What does not fit is left out, with a note. The default is what GitHub takes.
    type: int
    default: 65536
seealso:
  - module: hodei.workers.fleet
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.selection
  - hodei.workers.fleet.replace
  - hodei.workers.fleet.drain
  - hodei.workers.fleet.prune
  - hodei.workers.fleet.attributes
"""

EXAMPLES = r"""
- name: See what would be done
  hodei.workers.fleet_plan:
  diff: true

- name: Save the plan for somebody to review
  hodei.workers.fleet_plan:
    document: fleet.yml
    path: /var/lib/ci/monday.plan
    expires: 8h
"""

RETURN = r"""
plan:
  description: The plan.
  returned: success
  type: dict
  contains:
    changes:
      description:
        - What would be done, with address, action, cause (V(document), V(drift), V(state) or V(request)), reason and changed fields.
      type: list
      elements: dict
    totals:
      description: How many workers each action concerns.
      type: dict
    blocked:
      description: Workers that could not be seen or compared, or that wait for others to be back, with the reason. Nothing is done to them.
      type: dict
    kept:
      description: Workers that the document does not name and that stay all the same, with the reason.
      type: dict
    problems:
      description: What would make a converge refuse to start.
      type: list
      elements: str
text:
  description: The plan as people read it.
  returned: success
  type: str
summary:
  description: The plan in one line.
  returned: success
  type: str
notes:
  description: Whether something stands in the way, is blocked or kept, or belongs to others, O(ignore:text) says what.
  returned: success
  type: bool
pending:
  description: How many changes there are.
  returned: success
  type: int
findings:
  description:
    - Sentences under C(drift) (workers were changed from outside), C(change) (anything is to do) and C(delete) (workers would be
      deleted and not replaced). What was not found is not there, so C('drift' in result.findings) can fail a play.
  returned: success
  type: dict
  sample: {change: "2 workers are not as the document says (worker.web[0-1] (2))"}
markdown:
  description: The plan as Markdown, with the totals first and the rest to unfold.
  returned: when O(markdown) is true
  type: str
overdue:
  description: What is late and by how many seconds.
  returned: success
  type: list
  elements: dict
path:
  description: Where the plan was saved.
  returned: when O(path) is given
  type: str
plan_id:
  description: The id of the saved plan.
  returned: when O(path) is given
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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.converging import run_plan
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import (
    DRAIN,
    FLEET,
    PRUNE,
    REPLACE,
    SELECTION,
    WORKERS,
    spec,
)


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        WORKERS,
        SELECTION,
        REPLACE,
        DRAIN,
        PRUNE,
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        path={"type": "path"},
        expires={"type": "str", "default": "1d"},
        markdown={"type": "bool", "default": False},
        markdown_limit={"type": "int", "default": 65536},
    )
    run(argument_spec, run_plan)


if __name__ == "__main__":
    main()
