# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that takes over what runs already: fleet_import."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..engine.importing import Import
from ..engine.options import Options
from ..model.address import parse_address
from ..model.errors import HodeiError, InvalidDocument, Problem
from .converging import converge_or_preview
from .result import report_result
from .session import open_session


def run_import(module: AnsibleModule) -> dict[str, Any]:
    """Make running objects part of the fleet; what is ours already stays as it is."""
    params = module.params
    imports = _imports(params["imports"])
    with open_session(params, write=not module.check_mode) as session:
        report = converge_or_preview(
            module,
            session,
            Options(),
            "import",
            imports=imports,
            accept_differences=params["accept_differences"],
        )
        return report_result(report, diff=module._diff)


def _imports(given: list[dict[str, Any]]) -> tuple[Import, ...]:
    found, wrong = [], []
    for index, one in enumerate(given):
        place = f"imports[{index}]"
        try:
            found.append(Import(parse_address(one["address"]), one["id"].strip(), place))
        except HodeiError as error:
            wrong.append(Problem(f"{place}.address", error.message, error.hint))
    if not given:
        wrong.append(Problem("imports", "nothing is named", "write [{address: worker.web, id: '4711'}]"))
    if wrong:
        raise InvalidDocument(wrong)
    return tuple(found)
