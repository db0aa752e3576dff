# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of fleet_doctor: a document that cannot be read is a finding, and the two clocks are compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.hodei.workers.plugins.action.fleet import ActionModule as FleetAction
from ansible_collections.hodei.workers.plugins.module_utils.ansible import gather, shards, templates
from ansible_collections.hodei.workers.plugins.module_utils.ansible.doctor.chart import concluded, rows
from ansible_collections.hodei.workers.plugins.module_utils.ansible.doctor.machine import compared_clock
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, InvalidDocument, Problem
from ansible_collections.hodei.workers.plugins.module_utils.model.finding import findings_of, problem


class ActionModule(FleetAction):
    """Gathers what it can, and tells the rest."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, and add what only the controller knows."""
        before = time.time()
        result = super().run(tmp, task_vars)
        if "findings" in result and "now" in result:
            clock = compared_clock(float(result["now"]), before, time.time())
            result |= concluded([*result["findings"], *rows([clock])])
        return result

    def _gather(self, name: str, variables: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Gather like the other modules, but note what fails instead of failing."""
        broken: list[dict[str, str]] = []

        def load(path: str) -> Any:
            return _tried(lambda: self._load(path, variables), {}, broken)

        def template(value: Any) -> Any:
            return _tried(lambda: self._templar.template(value), None, broken)

        arguments, payload = gather.gather(self._task.args, variables, template=template, load=load)
        if not gather.names_owner(payload):
            _tried(lambda: shards.refuse_shared(payload["owner"], variables, template), None, broken)
        whole = _tried(lambda: self._rendered(payload, variables), None, broken) or templates.without_templates(payload)
        return arguments, whole | {"broken": broken}

    def _judged(self, payload: dict[str, Any], problems: Sequence[Problem]) -> dict[str, Any]:
        """Note what stands where it must not: it is sealed, and stays here."""
        found = rows(findings_of("document", InvalidDocument(problems))) if problems else []
        return payload | {"broken": [*payload["broken"], *found]}


def _tried(call: Callable[[], Any], instead: Any, broken: list[dict[str, str]]) -> Any:
    try:
        return call()
    except HodeiError as error:
        broken += rows(findings_of("document", error))
    except (AnsibleError, OSError) as error:
        broken += rows(
            [problem("document", str(error), "Correct it where it is written: the inventory, or a file of variables.")]
        )
    return instead
