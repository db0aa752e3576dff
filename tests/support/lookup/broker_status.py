# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lookup for tests: how often the broker of this playbook has logged in, and whether a text is known to be a secret."""

from __future__ import annotations

DOCUMENTATION = r"""
name: broker_status
short_description: What a playbook's broker tells of itself
author: hodei.workers contributors (@hodei-workers)
description: For tests.
options:
  _terms:
    description: V(logins), or a text that may be a secret.
    type: list
    elements: str
    required: true
"""

from typing import Any

from ansible.plugins.lookup import LookupBase

from ansible_collections.hodei.workers.plugins.plugin_utils import secrets


class LookupModule(LookupBase):
    """Asks the broker about itself."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[Any]:
        """Return a number for V(logins), else whether it is from the lookup."""
        status = secrets.desk().ask({"op": "status"}).head
        return [status["logins"] if one == "logins" else secrets.are_from_lookup([one])[0] for one in terms]
