# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module starts and ends: options in, result or one clear failure out."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import HodeiError, InvalidDocument
from .sealed_arguments import credentials
from .spec import Spec

Result = dict[str, Any]


def run(argument_spec: Spec, handler: Callable[[AnsibleModule], Result], **constraints: Any) -> None:
    """Run a module. ``handler`` returns its result; a result with ``failed`` fails the task, a HodeiError too."""
    module = AnsibleModule(argument_spec=argument_spec, supports_check_mode=True, **constraints)
    module.no_log_values |= credentials(module.params)
    if module.params.get("_sealed"):
        _close()
    try:
        result = handler(module)
    except HodeiError as error:
        module.fail_json(**failure(error))
    except Exception as error:  # noqa: BLE001 - a bug of ours is told as one; its text may hold a secret, so only its place is
        module.fail_json(
            msg=f"internal error ({type(error).__name__}): this is a bug of hodei.workers. Nothing is lost: run it again; "
            "please report it with the output of -vvv.",
            exception="".join([*traceback.format_tb(error.__traceback__), type(error).__name__]),
        )
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


def _close() -> None:
    """Keep what is secret out of cores and debuggers, where the system can do that."""
    from ..broker.hardening import undumpable

    undumpable()


def failure(error: HodeiError) -> Result:
    """Render an error as the result of a failed task: message first, everything machine-readable beside it."""
    result: Result = {"msg": str(error), "error": classified(error)}
    if isinstance(error, InvalidDocument):
        result["problems"] = [
            {"path": one.path, "message": one.message, "hint": one.hint, "source": one.source} for one in error.problems
        ]
    return result


def classified(error: HodeiError) -> dict[str, str | bool]:
    """Return what a playbook can decide by. The words stand elsewhere in the result already, and Ansible prints all of it."""
    return {name: value for name, value in error.as_dict().items() if name not in ("message", "hint")}
