# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places where a test may kill the supervisor, once: the proof that no worker is lost or doubled there.

``HODEI_FAILPOINT_SUPERVISOR=NAME@FILE`` kills it with SIGKILL at NAME, if FILE exists, which is removed first.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "HODEI_FAILPOINT_SUPERVISOR"
#: Every name in use, so that a test can visit all of them.
NAMES = (
    *("admit", "forked", "recorded", "released", "started", "stopping", "exited", "removing", "removed"),
    *("renaming", "renamed", "relogged", "letting go", "let go"),
    *("secrets written", "prepared", "exchanging", "exchanged"),
)
#: Those on the way of a worker that drains.
OWNER_NAMES = ("relabelling", "relabelled", "moving in")
DRAIN_NAMES = ("draining", "settling")
_name, _unused, _file = os.environ.get(VARIABLE, "").partition("@")


def reach(name: str) -> None:
    """Die here, if a test asks for it."""
    if name != _name:
        return
    try:
        os.unlink(_file)
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
