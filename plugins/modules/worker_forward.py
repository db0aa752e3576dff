#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: worker_forward
short_description: Lead a local port to a port of a worker for some time
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Listens on a port of the machine that the task runs on, and joins each connection with one to a worker's port.
  - A small process serves it, which outlives the task. It ends when its time is over, when the worker is gone, or by O(state=absent), and
    leaves nothing behind.
  - A forward follows its address. When another worker takes the place of this one, new connections go there.
  - Up to 512 connections at the same time are served, more of them wait.
options:
  address:
    description:
      - The worker, such as V(worker.web[0]) or V(web[0]).
    type: str
    required: true
  port:
    description:
      - The worker's port, by its name or its number. TCP only.
    type: str
    required: true
  state:
    description:
      - V(present) opens the forward. One that is there for the same worker, port and O(bind) is returned, and its time begins anew.
      - V(absent) closes it, and the connections with it.
    type: str
    choices: [present, absent]
    default: present
  local_port:
    description:
      - Where to listen. A free port when V(0).
      - A forward that is there and listens on another port is closed first.
    type: int
    default: 0
  bind:
    description:
      - The address to listen on. Whoever reaches that address reaches the worker, so V(127.0.0.1) is for this machine only.
    type: str
    default: 127.0.0.1
  ttl:
    description:
      - How long it lives, at most V(24h).
    type: str
    default: 1h
attributes:
  action_group:
    description: Use C(group/hodei.workers.workers) in C(module_defaults) to set options for all modules at once.
    support: full
    membership:
      - hodei.workers.workers
  check_mode:
    description: Opens and closes nothing in check mode.
    support: full
  diff_mode:
    description: Tells what changed, or would change, in diff mode.
    support: none
  idempotent:
    description: A forward that is there is no change; only its time begins anew.
    support: full
seealso:
  - module: hodei.workers.worker_info
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.workers
"""

EXAMPLES = r"""
- name: Reach the debugger of a runner for half an hour
  hodei.workers.worker_forward:
    address: runner[0]
    port: debug
    ttl: 30m
  register: reached

- name: Talk to it
  ansible.builtin.uri:
    url: "http://127.0.0.1:{{ reached.local_port }}/status"

- name: Close it
  hodei.workers.worker_forward:
    address: runner[0]
    port: debug
    state: absent
"""

RETURN = r"""
address:
  description: The worker.
  returned: success
  type: str
port:
  description: Its port, as it was asked for.
  returned: success
  type: str
bind:
  description: The address that is listened on.
  returned: when it is present
  type: str
local_port:
  description: The port that is listened on.
  returned: when it is present and not in check mode
  type: int
expires_at:
  description: When it ends, in Unix seconds.
  returned: when it is present and not in check mode
  type: float

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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, WORKERS, spec
from ansible_collections.hodei.workers.plugins.module_utils.ansible.worker_forward import run_forward


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        WORKERS,
        address={"type": "str", "required": True},
        port={"type": "str", "required": True},
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        local_port={"type": "int", "default": 0},
        bind={"type": "str", "default": "127.0.0.1"},
        ttl={"type": "str", "default": "1h"},
    )
    run(argument_spec, run_forward)


if __name__ == "__main__":
    main()
