# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup hodei.workers.secret; what it says of itself stands in secret.yml.

There, and not here, because Ansible reads the documentation of a plugin that has options each time it loads it, which a lookup is in
each task that has one: a seventh of a task's first lookup. So the options are read by ``module_utils/ansible/lookup.py``.
"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ansible_collections.hodei.workers.plugins.module_utils.ansible import (  # pylint: disable=unused-import
    python_version,  # noqa: F401
)
from ansible_collections.hodei.workers.plugins.module_utils.ansible.bytecode import kept


class LookupModule(LookupBase):
    """Asks the playbook's broker."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """Return the values."""
        with kept():
            return self._asked(terms, variables or {}, kwargs)

    def _asked(self, terms: list[Any], variables: dict[str, Any], given: dict[str, Any]) -> list[Any]:
        from ansible_collections.hodei.workers.plugins.module_utils.ansible import lookup
        from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
        from ansible_collections.hodei.workers.plugins.plugin_utils import secrets

        try:
            found = lookup.look_up(
                terms,
                lookup.options(given),
                variables,
                template=self._templar.template,
                load=lambda path: secrets.load(path, self._loader, variables),
                desk=secrets.desk(),
                warn=Display().warning,
            )
        except HodeiError as error:
            problem = AnsibleLookupError(f"hodei.workers.secret: {error}")
        else:
            return [secrets.never_templated(value) for value in found]
        raise problem
