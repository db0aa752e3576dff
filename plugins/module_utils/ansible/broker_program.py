# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The broker's program: ``broker_desk.py`` starts it, once for each playbook that reads secrets."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from ..broker.hardening import harden, lock_memory, raise_descriptors
from ..broker.server import serve
from ..broker.service import Service
from ..broker.session import Opener
from ..broker.starting import handed_over, leave_parent, say_ready
from ..model.errors import HodeiError

LOG = "broker.log"
_DESCRIPTORS = 8192


def run(opener: Callable[[], Opener], log: Callable[[str], None]) -> int:
    """Shut this process against others before it has anything; then serve. What goes wrong before that is said to the starter.

    ``opener`` is called when this is done, to import what opens stores.
    """
    try:
        harden("hodei-broker")
        playbook = handed_over()
        leave_parent()
        lock_memory()
        raise_descriptors(_DESCRIPTORS)
        os.umask(0o077)
        serve(playbook, Service(opener(), playbook.mark), say_ready, log)
    except HodeiError as error:
        sys.stdout.write(str(error))
        return 1
    return 0


def _opener() -> Opener:
    from .store_session import open_session

    return open_session


def _log(text: str) -> None:
    """Write one line to the broker's log. Nobody is there any more who could be told otherwise."""
    from ..model.settings import resolve, state_directory

    place = state_directory(resolve("state_dir", None, None, os.environ), os.environ, os.path.expanduser("~"))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        with open(os.open(os.path.join(place, LOG), flags, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
    except OSError:
        return


if __name__ == "__main__":
    raise SystemExit(run(_opener, _log))
