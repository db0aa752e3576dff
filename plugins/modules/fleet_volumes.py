#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_volumes
short_description: List and remove the named volumes that a fleet's workers had made
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Lists the named volumes that the providers of a document made for workers of this owner, or removes those that nobody uses.
  - B(What a removed volume holds is gone.) Nothing brings it back but a backup of yours. Look in check mode first.
  - Never removed are volumes that somebody else made or another owner's worker, volumes that a container mounts, running or not and
    whoever made it, and volumes that a worker of the document or of the state names, with C(count=0) too.
  - Check mode tells what would be removed. Providers without named volumes are left out.
options:
  state:
    description: V(listed) only looks. V(absent) removes what O(match) and O(older_than) cover.
    type: str
    choices: [listed, absent]
    default: listed
  match:
    description:
      - Patterns of names of volumes that may be removed, such as C(ci-cache-*), C(*) being all.
      - Needed for O(state=absent).
    type: list
    elements: str
    default: []
  older_than:
    description:
      - For how long a volume has to be there. That is counted from when it was made, whenever it was last used. One whose age the
        Engine does not tell counts as new.
    type: str
    default: 1d
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.attributes
"""

EXAMPLES = r"""
- name: What would go?
  hodei.workers.fleet_volumes:
    state: absent
    match: ["ci-cache-*"]
    older_than: 14d
  check_mode: true

- name: Remove the caches of workers that are no more, with all that they hold
  hodei.workers.fleet_volumes:
    state: absent
    match: ["ci-cache-*"]
    older_than: 14d
"""

RETURN = r"""
volumes:
  description:
    - Each volume of this owner that is there when the task ends, or would be in check mode, with C(provider), C(name), C(age) in
      seconds, C(used) (a container mounts it) and C(wanted) (a worker of the document or of the state names it).
  returned: success
  type: list
  elements: dict
removed:
  description: Volumes that were removed, or would be, in the same form as C(volumes). Also told when the task fails on the way.
  returned: when O(state=absent)
  type: list
  elements: dict
kept:
  description: Volumes that O(match) and O(older_than) cover and that the Engine did not remove, by their name, each with its reason.
  returned: when O(state=absent)
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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.fleet_volumes import run_volumes
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, WORKERS, spec


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        WORKERS,
        state={"type": "str", "choices": ["listed", "absent"], "default": "listed"},
        match={"type": "list", "elements": "str", "default": []},
        older_than={"type": "str", "default": "1d"},
    )
    run(argument_spec, run_volumes)


if __name__ == "__main__":
    main()
