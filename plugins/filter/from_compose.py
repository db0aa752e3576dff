# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter hodei.workers.from_compose."""

from __future__ import annotations

DOCUMENTATION = r"""
name: from_compose
short_description: A Compose file as a fleet
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Reads Compose files as Compose does, with variables, C(.env), overrides, C(extends), C(include) and profiles, and returns the
    same containers as workers of a Docker provider.
  - Each key of the files is carried, or told in RV(ignore:findings). A file that is not valid fails, with all problems at once.
  - The playbook C(hodei.workers.from_compose) writes the result into an inventory.
positional: _input
options:
  _input:
    description:
      - The path of a Compose file; a directory, in which files are found as Compose finds them; or a list of files, each laid over
        the one before it.
      - A relative path begins where Ansible was started.
    type: raw
    required: true
  profiles:
    description:
      - The profiles that are active, beside those that E(COMPOSE_PROFILES) names; V(*) means all.
    type: list
    elements: str
    default: []
  environ:
    description:
      - The environment of which variables are taken, before those of C(.env). The one of Ansible when left out.
    type: dict
"""

EXAMPLES = r"""
- name: Converge what a Compose file says
  hodei.workers.fleet:
    owner: "{{ shop.owner }}"
    providers: "{{ shop.providers }}"
    workers: "{{ shop.workers }}"
  vars:
    shop: "{{ (playbook_dir, 'compose.yaml') | path_join | hodei.workers.from_compose(profiles=['debug']) }}"

- name: Show what it cannot carry
  ansible.builtin.debug:
    msg: "{{ ('compose.yaml' | hodei.workers.from_compose).findings | map(attribute='text') }}"
"""

RETURN = r"""
_value:
  description:
    - The fleet.
  type: dict
  contains:
    owner:
      description: The name of the project.
      type: str
    providers:
      description: One Docker provider, called V(docker).
      type: dict
    workers:
      description: The workers by name.
      type: dict
    findings:
      description:
        - What is not carried as it stood there, each with C(kind) (V(left out) or V(differs)), C(where) (file and line), C(field),
          C(message), C(hint), and all of it as C(text).
      type: list
      elements: dict
    inventory:
      description: All of this as the text of an inventory for this machine.
      type: str
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.hodei.workers.plugins.module_utils.compose.convert import convert
from ansible_collections.hodei.workers.plugins.module_utils.compose.written import inventory
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError


def from_compose(
    paths: str | Sequence[str], profiles: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the fleet that Compose files describe."""
    named = [paths] if isinstance(paths, str) else list(paths)
    try:
        converted = convert([str(path) for path in named], _read, os.environ if environ is None else environ, profiles)
    except HodeiError as error:
        raise AnsibleFilterError(f"hodei.workers.from_compose: {error}") from error
    return {
        "owner": converted.owner,
        "providers": converted.providers,
        "workers": converted.workers,
        "findings": [{**one._asdict(), "text": f"{one.kind}: {one}"} for one in converted.findings],
        "inventory": inventory(converted),
    }


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"from_compose": from_compose}
