# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells a running container that its files have changed, as its document says."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ...model.errors import HodeiError, Kind
from ...model.ports import ExecRequest, Target
from ..references import expand_all
from .engine import Engine
from .execution import execute
from .mapping import last_words
from .sdk import told
from .seeing import ending
from .survey import Row, Survey

_POLL = 0.02
_WORDS = 300


def reload(engine: Engine, survey: Survey, row: Row, settle: float) -> bool:
    """Send the signal or run the command; False when there is none. Raises HodeiError when the worker cannot be told so."""
    how = row.record.reload
    seen = survey.inspect(row.container)
    if not how or seen is None or seen["State"]["StartedAt"] != row.record.stale:
        return False
    if how.get("signal"):
        with told():
            engine.api.kill(row.container, how["signal"])
    else:
        _run(engine, row, how, seen["Config"].get("Env") or ())
    began = time.monotonic()
    while time.monotonic() - began < settle:  # a program that does not handle the signal dies of it
        time.sleep(_POLL)
        now = survey.inspect(row.container)
        if now is None or not now["State"]["Running"] or now["State"]["StartedAt"] != row.record.stale:
            raise _failure(f"the worker ended of it ({ending(now, row.record) if now else 'it is gone'})")
    return True


def _run(engine: Engine, row: Row, how: Mapping[str, Any], env: Sequence[str]) -> None:
    """Run the command in the worker's environment. What it writes is told, since a container's log has no place for it."""
    values = dict(one.partition("=")[::2] for one in env)
    command = tuple(expand_all(list(map(str, how["command"])), values))
    target = Target(row.record.address, row.record.generation)
    timeout = float(how.get("timeout", 30.0))
    result = execute(engine, row.container, ExecRequest(target, command, timeout=timeout, limit=1 << 16))
    if result.timed_out:
        raise _failure(f"its command did not end within {timeout:g} s and was killed")
    if result.exit_code != 0:
        said = last_words((result.stderr or result.stdout).decode(errors="replace"), env, _WORDS)
        text = f"its command ended with exit code {result.exit_code}"
        raise _failure(f"{text}: {said}" if said else text)


def _failure(what: str) -> HodeiError:
    return HodeiError(
        Kind.PROVIDER_SPECIFIC,
        f"the files are written, but the reload failed: {what}",
        hint="Read its log. The next converge tells it again; without `reload` it is restarted.",
    )
