# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: workers
short_description: The workers of a fleet as hosts
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Lists the workers of a fleet as hosts that playbooks run in, by the connection P(hodei.workers.worker#connection).
  - Asks each provider once for all of its workers. Opens state read-only and creates nothing.
  - The name of its file ends with C(.hodei.yml) or C(.hodei.yaml).
notes:
  - A worker is called as its address says, V(web-0) for C(worker.web[0]).
  - All hosts are in the group C(hodei_workers) and in one for the owner (C(hodei_owner_ci)), for the provider
    (C(hodei_provider_local)), for the name (C(hodei_name_web)), for the state (C(hodei_state_running)) and for each label
    (C(hodei_label_queue_default)).
  - Each host has the variables C(hodei_address), C(hodei_name), C(hodei_index), C(hodei_provider), C(hodei_state),
    C(hodei_generation), C(hodei_native_id), C(hodei_ports) and C(hodei_labels).
  - The hodei_* variables of other options are read from extra variables (C(-e)) only, since no other variables are there yet.
extends_documentation_fragment:
  - constructed
  - inventory_cache
options:
  plugin:
    description:
      - The name of this plugin.
    type: str
    required: true
    choices: [hodei.workers.workers]
  owner:
    description:
      - Whose fleet it is.
      - Taken from the document, the extra variable C(hodei_owner) or the environment variable E(HODEI_OWNER) when left out.
    type: str
  lineage:
    description:
      - The identity of the fleet. Taken from the document, the variable C(hodei_lineage) or the owner's state when left out.
    type: str
  backend:
    description:
      - Where state is kept, as in the fleet's document.
    type: dict
  providers:
    description:
      - The configured providers by name, as in the fleet's document. One process provider called V(local) when left out.
    type: dict
  stores:
    description:
      - The configured credential stores by name, as in the fleet's document, where providers have their credentials in them.
    type: dict
  document:
    description:
      - Path of the fleet's document, relative to this file, or a list of such paths. What is left out above is read from it.
    type: raw
  only_running:
    description:
      - List those workers only that run.
    type: bool
    default: false
  host_prefix:
    description:
      - What the names of all hosts begin with, to tell apart the same names of two fleets.
    type: str
    default: ""
"""

EXAMPLES = r"""
# ci.hodei.yml: the fleet of the owner that HODEI_OWNER names, or of the document beside it
plugin: hodei.workers.workers
document: fleet.yml
---
# More groups: workers by the team in their labels, and those that were given a port called http
plugin: hodei.workers.workers
owner: team-ci
only_running: true
keyed_groups:
  - key: hodei_labels.team
    prefix: team
groups:
  web: "'http' in hodei_ports"
compose:
  url: "'http://127.0.0.1:' ~ hodei_ports.http"
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.hodei.workers.plugins.module_utils.ansible import (  # pylint: disable=unused-import
    gather,
    listing,
    python_version,  # noqa: F401
    templates,
)
from ansible_collections.hodei.workers.plugins.module_utils.ansible.documents import load_document
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError

try:
    from ansible.template import trust_as_template  # noqa: F401 pylint: disable=unused-import
except ImportError:
    from ansible.utils.unsafe_proxy import wrap_var
else:

    def wrap_var(v: Any) -> Any:
        """Return it as it is: since ansible-core 2.19 what a plugin sets is no template."""
        return v


_ENDINGS = (".hodei.yml", ".hodei.yaml")
_ALL = "hodei_workers"
_PLACE = ("owner", "lineage", "backend", "providers", "stores", "document")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Lists a fleet."""

    NAME = "hodei.workers.workers"

    def verify_file(self, path: str) -> bool:
        """Take files of our name only."""
        return bool(super().verify_file(path)) and path.endswith(_ENDINGS)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Read a file and list what it is about."""
        super().parse(inventory, loader, path, cache)
        self._names: dict[tuple[str, str], str] = {}
        self._read_config_data(path)
        fleet = self._cached(path, cache)
        for text in fleet.warnings:
            self.display.warning(text)
        self._groups_of(fleet)
        only_running = self.get_option("only_running")
        prefix = self.get_option("host_prefix")
        for name, variables in fleet.hosts.items():
            if not only_running or listing.is_running(variables):
                self._add(prefix + name, variables, fleet.owner)

    def _cached(self, path: str, cache: bool) -> listing.Listed:
        key = self.get_cache_key(path)
        allowed = self.get_option("cache")
        if allowed and cache and key in self._cache:
            return listing.Listed(**self._cache[key])
        fleet = self._look(path)
        if allowed:
            self._cache[key] = fleet.as_dict()
        return fleet

    def _look(self, path: str) -> listing.Listed:
        """Bring the file, the extra variables and the environment together as the modules do, and look."""
        here = os.path.dirname(os.path.abspath(path))

        def load(name: str) -> Any:
            found = os.path.join(here, os.path.expanduser(name))
            try:
                with open(found, encoding="utf-8") as file:
                    content = load_document(file.read(), found)
            except OSError as error:
                raise AnsibleParserError(f"the document {found} cannot be read: {error.strerror}") from None
            # What the workers are is not asked here, and so not checked either.
            return {name: value for name, value in content.items() if name != "workers"}

        try:
            options = {name: self.templar.template(self.get_option(name)) for name in _PLACE}
            variables = {name: value for name, value in self._vars.items() if not name.startswith("hodei_workers")}
            _arguments, payload = gather.gather(options, variables, template=self.templar.template, load=load)
            return listing.list_fleet(gather.dumps(templates.without_templates(payload)), os.environ)
        except HodeiError as error:
            raise AnsibleParserError(f"{path}: {error}") from None

    def _groups_of(self, fleet: listing.Listed) -> None:
        """Make the groups that carry variables; these are shared by their hosts."""
        self.inventory.add_group(_ALL)
        if not fleet.owner:
            return
        owner = self._group("owner", fleet.owner, fleet.shared)
        self.inventory.add_child(_ALL, owner)
        for name, variables in fleet.providers.items():
            self._group("provider", name, variables)

    def _group(self, kind: str, value: str, variables: Mapping[str, Any] | None = None) -> str:
        name = self._names.get((kind, value), "")
        if not name:
            name = self.inventory.add_group(self._sanitize_group_name(f"hodei_{kind}_{value}"))
            self._names[kind, value] = name
        for key, one in (variables or {}).items():
            self.inventory.set_variable(name, key, one)
        return name

    def _add(self, host: str, variables: Mapping[str, Any], owner: str) -> None:
        there = self.inventory.get_host(host)
        if there is not None and "hodei_address" in there.get_vars():
            raise AnsibleParserError(
                f"two fleets have a host called {host}: set host_prefix in the file of one of them to tell them apart"
            )
        self.inventory.add_host(host, self._group("owner", owner))
        groups = [(kind, variables[f"hodei_{kind}"]) for kind in ("provider", "name", "state")]
        groups += [("label", f"{name}_{value}") for name, value in variables["hodei_labels"].items()]
        for kind, value in groups:
            self.inventory.add_child(self._group(kind, value), host)
        for name, value in variables.items():
            self.inventory.set_variable(host, name, wrap_var(value))
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)
