# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module capacity_info: what each provider has, and what of it is used."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import HodeiError
from .session import open_session


def run_capacity_info(module: AnsibleModule) -> dict[str, Any]:
    """Ask each provider. One that does not answer is told in `unseen`; when none does, its error fails the task."""
    with open_session(module.params, write=False) as session:
        answers: dict[str, dict[str, Any]] = {}
        failures: dict[str, HodeiError] = {}
        for name, provider in session.providers.items():
            try:
                answers[name] = asdict(provider.capacity())
            except HodeiError as error:
                failures[name] = error
        if failures and not answers:
            raise next(iter(failures.values()))
        return {
            "changed": False,
            "providers": answers,
            "unseen": {name: str(error) for name, error in failures.items()},
        }
