#!/usr/bin/python
# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_info
short_description: Read, verify and export the audit chain
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Returns what was done with the secrets of an owner by this user on this machine, who did it, and how it ended. No record holds a value.
  - With O(verify=true) it finds what was edited, reordered, removed or cut off, and says what it cannot know. It fails when it finds any
    of that.
options:
  verify:
    description:
      - Whether to verify the chain.
    type: bool
    default: false
  secret:
    description:
      - Only records about this secret, or about those that match a pattern (V(db/*), V(@acme/*)).
    type: str
  actor:
    description:
      - Only records of this principal (V(uid:1000)), or of those that match a pattern (V(claimed:*)).
    type: str
  since:
    description:
      - Only records since then, in Unix seconds, as ISO 8601, or how long ago (V(1h)).
    type: str
  what:
    description:
      - Only records of these actions.
    type: list
    elements: str
    choices: [read, use, write, rotate, delete, restore, destroy, chain_begin, chain_handover, chain_mend, chain_retention]
    default: []
  results:
    description:
      - Only records that ended like this. V(begun) is written before a store is changed, V(done) or V(failed) behind it.
    type: list
    elements: str
    choices: [begun, done, denied, failed]
    default: []
  limit:
    description:
      - How many records to return, the latest ones. An export has all of them.
    type: int
    default: 100
  path:
    description:
      - Write the records to this file, for a system that watches logs. Nothing is written in check mode.
    type: path
  format:
    description:
      - How O(path) is written. V(json_lines) is one JSON object a line, V(rfc5424) one syslog message a line.
    type: str
    choices: [json_lines, rfc5424]
    default: json_lines
  anchors:
    description:
      - "Where else somebody knows how far the chain had got: V({directory: PATH}), V({store: NAME}), or V({head: SEQ:HASH}), which is what
        RV(head) was, or what a syslog server has received. The fleet's state is always asked."
      - Left out, those that C(hodei_audit) names, as the last converge knew it.
    type: list
    elements: dict
  public_keys:
    description:
      - The public keys that are trusted to begin with (C(.pub) files). Those beside the chain are used when there are none, and
        whoever can change the chain can change these too.
    type: list
    elements: path
    default: []
extends_documentation_fragment:
  - hodei.workers.fleet
  - hodei.workers.fleet.attributes_info
"""

EXAMPLES = r"""
- name: Who was refused what today?
  hodei.workers.audit_info:
    results: [denied]
    since: 1d

- name: Was anything changed since the last audit?
  hodei.workers.audit_info:
    verify: true
    public_keys: [/srv/auditor/ci-prod.pub]
    anchors:
      - head: "{{ head_of_last_month }}"

- name: Hand the uses of one tenant's secrets to a SIEM
  hodei.workers.audit_info:
    secret: "@acme/*"
    path: /var/log/hodei/acme.log
    format: rfc5424
"""

RETURN = r"""
directory:
  description: Where the chain lies.
  returned: success
  type: str
total:
  description: How many records match.
  returned: success
  type: int
records:
  description:
    - The latest records that match, oldest first, each with C(seq), C(time), C(who), C(verified) (whether somebody checked that it was
      them), C(what), C(result), and where they are known C(secret), C(version), C(store), C(store_id), C(why), C(correlation), C(play),
      C(task), C(host) and C(worker).
  returned: success
  type: list
  elements: dict
intact:
  description: Whether nobody has changed anything, as far as that can be known.
  returned: with O(verify)
  type: bool
findings:
  description:
    - What verification has to say, each with C(flaw), C(seq), C(message) and C(tampering). C(not_detectable) says from which record on a
      cut end would not be noticed.
  returned: with O(verify)
  type: list
  elements: dict
first:
  description: The number of the first record.
  returned: with O(verify)
  type: int
verified:
  description: How many records there are.
  returned: with O(verify)
  type: int
anchored:
  description: The number of the last record that an anchor confirms.
  returned: with O(verify)
  type: int
head:
  description: The last record that is signed, as C(SEQ:HASH). Write it down elsewhere; it is an anchor.
  returned: with O(verify)
  type: str
writer:
  description: The name of the chain.
  returned: with O(verify)
  type: str

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
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_info import run_audit_info
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import FLEET, spec
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Action, Result


def main() -> None:
    """Run the module."""
    argument_spec = spec(
        FLEET,
        verify={"type": "bool", "default": False},
        secret={"type": "str", "no_log": False},
        actor={"type": "str"},
        since={"type": "str"},
        what={"type": "list", "elements": "str", "choices": [one.value for one in Action], "default": []},
        results={"type": "list", "elements": "str", "choices": [one.value for one in Result], "default": []},
        limit={"type": "int", "default": 100},
        path={"type": "path"},
        format={"type": "str", "choices": ["json_lines", "rfc5424"], "default": "json_lines"},
        anchors={"type": "list", "elements": "dict"},
        public_keys={"type": "list", "elements": "path", "default": [], "no_log": False},
    )
    run(argument_spec, run_audit_info)


if __name__ == "__main__":
    main()
