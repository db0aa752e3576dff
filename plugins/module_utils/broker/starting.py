# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the broker becomes a process of its own: what its starter hands over, and what it says when it is ready.

It is another program, not a fork: so it has none of the playbook's memory. It gets the key through a pipe, after nobody can look
into it any more.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import IO

from ..model.errors import HodeiError, Kind
from .hardening import FORGETFUL
from .playbook import Playbook

_READY = b"ready"
_SECONDS = 30.0


def start(command: Sequence[str], playbook: Playbook) -> None:
    """Start a broker and wait until it serves. Raises HodeiError with the last line that it said."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is not for it
        env={**os.environ, **FORGETFUL},
    ) as process:
        said = _talk(process, json.dumps(playbook.as_dict()).encode())
        if said is None:
            process.kill()
    if said != _READY:
        last = (said or b"it is not ready in time").decode(errors="replace").strip().rpartition("\n")[2]
        raise HodeiError(Kind.INTERNAL, f"the broker of secrets could not be started: {last}", hint="Please report it.")


def handed_over() -> Playbook:
    """Return the playbook that a broker is started for, in the broker."""
    return Playbook.from_dict(json.loads(sys.stdin.buffer.read()))


def leave_parent() -> None:
    """Go on as an orphan, which no fork of Ansible has to wait for."""
    if os.fork():
        os._exit(0)


def say_ready() -> None:
    """Tell the starter, and keep none of its pipes."""
    os.write(1, _READY)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)


def _talk(process: subprocess.Popen[bytes], given: bytes) -> bytes | None:
    """Hand over and listen until the end of what is said; None when that does not come in time."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(given)
        process.stdin.close()
    except BrokenPipeError:
        pass
    return _read(process.stdout, time.monotonic() + _SECONDS)


def _read(stream: IO[bytes], deadline: float) -> bytes | None:
    said = b""
    while select.select([stream], [], [], max(0.0, deadline - time.monotonic()))[0]:
        chunk = os.read(stream.fileno(), 4096)
        if not chunk:
            return said
        said += chunk
    return None
