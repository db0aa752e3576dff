# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes how long each task took, as JSON, to the file named by HODEI_TASK_TIMES."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: task_times
type: notification
short_description: Times of tasks
description: Writes how long each task took to a file.
"""


class CallbackModule(CallbackBase):
    """Takes the time between the start of a task and its result."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_times"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.times: list[dict[str, Any]] = []
        self.began = 0.0

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self.began = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        changed = bool(result._result.get("changed"))
        self.times.append(
            {"task": result._task.get_name(), "seconds": time.monotonic() - self.began, "changed": changed}
        )

    def v2_playbook_on_stats(self, stats: Any) -> None:
        with open(os.environ["HODEI_TASK_TIMES"], "w", encoding="utf-8") as file:
            json.dump(self.times, file)
