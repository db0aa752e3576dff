#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_images
short_description: List, pull and prune the images of a fleet's Engines
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Lists the images that the providers of a document have, pulls those that its workers need without starting any, or removes those
    that nobody uses.
  - Never removed are images that a container uses, running or not and whoever made it, images that a worker of the document names,
    images that have a name beside those that O(match) covers, and images that others are built on.
  - Check mode tells what would be pulled or removed. Providers without images are left out.
options:
  state:
    description:
      - V(listed) only looks. V(present) pulls what the workers of the document need. V(absent) removes what O(match) and
        O(older_than) cover.
    type: str
    choices: [listed, present, absent]
    default: listed
  match:
    description:
      - Patterns of names of images that may be removed, such as C(registry.example/team/*), C(*) being all. An image that has lost
        its tag to a newer one goes by its digest, C(registry.example/team/app@sha256:...), which the same pattern covers.
      - Needed for O(state=absent).
    type: list
    elements: str
    default: []
  older_than:
    description:
      - For how long an image has to be there. Where the Engine does not know when it came, the time that it was built at counts.
    type: str
    default: 1d
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
  - hodei.workers.fleet.attributes
"""

EXAMPLES = r"""
- name: Pull all images before the night's maintenance, and start nothing
  hodei.workers.fleet_images:
    state: present

- name: What would go?
  hodei.workers.fleet_images:
    state: absent
    match: ["registry.example/team/*"]
    older_than: 14d
  check_mode: true
"""

RETURN = r"""
images:
  description:
    - Each image that is there when the task ends, or would be in check mode, with C(provider), C(id), C(names), C(size) in bytes,
      C(age) in seconds, C(used) (a container is made of it) and C(wanted) (a worker of the document names it).
  returned: success
  type: list
  elements: dict
pulled:
  description: What was pulled, or would be, by the name that the document has for it.
  returned: when O(state=present)
  type: list
  elements: str
removed:
  description:
    - Images that were removed, or would be, in the same form as C(images). Layers that others share stay, so less may be freed.
    - Also told when the task fails on the way.
  returned: when O(state=absent)
  type: list
  elements: dict
kept:
  description: Images that O(match) and O(older_than) cover and that the Engine did not remove, by their id, each with its reason.
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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.fleet_images import run_images
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, WORKERS, spec


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        WORKERS,
        state={"type": "str", "choices": ["listed", "present", "absent"], "default": "listed"},
        match={"type": "list", "elements": "str", "default": []},
        older_than={"type": "str", "default": "1d"},
    )
    run(argument_spec, run_images)


if __name__ == "__main__":
    main()
