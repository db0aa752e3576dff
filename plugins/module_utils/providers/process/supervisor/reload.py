# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells a running worker that its files have changed, as its document says."""

from __future__ import annotations

import os
import signal

from ...references import expand_all
from . import procfs
from .beside import run_beside
from .launching import environment
from .logs import open_log
from .record import Record
from .wire import RefusedError
from .world import World


async def reload(record: Record, world: World) -> None:
    """Send the signal or run the command. Raises RefusedError when the worker cannot be told so."""
    how = record.spec["reload"]
    if how.get("signal"):
        procfs.send(record.pid, record.started, signal.Signals[how["signal"]])
        return
    command = expand_all(how["command"], environment(record))
    log = open_log(record.id, world.directories.logs)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        code = await run_beside(record, world, command, how["timeout"], (null, log, log))
    except RefusedError as error:
        raise RefusedError(error.kind, f"the reload failed: {error.message}", error.hint) from error
    finally:
        os.close(null)
        os.close(log)
    if code is None:
        raise failure(f"its command did not end within {how['timeout']:g} s and was killed")
    if code != 0:
        raise failure(f"its command ended with exit code {code}")


def failure(what: str) -> RefusedError:
    """Say why a worker was not told."""
    return RefusedError(
        "provider_specific",
        f"the files are written, but the reload failed: {what}",
        "Read its log. The next converge tells it again; without `reload` it is restarted.",
    )
