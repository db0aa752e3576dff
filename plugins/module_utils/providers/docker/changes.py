# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers change, as the Engine tells it. What nobody has asked for yet is kept, each container once."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from . import records
from .engine import Engine

_EVENTS = ("create", "start", "die", "pause", "unpause", "rename", "update", "health_status", "destroy")
#: The Engine answers a moment before it listens for us: what happened in between is asked for as what was before.
_OVERLAP = 2.0


class Changes:
    """The containers of one owner that changed since they were last asked for, by the beginnings of their ids."""

    def __init__(self, engine: Engine, owner: str) -> None:
        """Listen from now on. Raises HodeiError."""
        self._owner = owner
        self._touched: set[str] = set()
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self.cut = False
        self._stream = engine.stream(
            "/events",
            since=f"{engine.now() - _OVERLAP:.9f}",
            filters={"type": ["container", "volume"], "event": list(_EVENTS)},
        )
        self._thread = threading.Thread(target=self._read, name="docker-events", daemon=True)
        self._thread.start()

    def __enter__(self) -> Changes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.cut()
        self._thread.join()

    def note(self, container: str) -> None:
        """Note a change of our own."""
        name = records.short(container)
        with self._lock:
            self._touched.add(name)
        self._woken.set()

    def take(self, seconds: float) -> set[str]:
        """Wait until something changes, for so long at the most, and return what did. Nothing comes any more once it is ``cut``."""
        self._woken.wait(seconds)
        self._woken.clear()
        with self._lock:
            taken, self._touched = self._touched, set()
        return taken

    def _read(self) -> None:
        try:
            with self._stream as stream:
                for line in stream.lines():
                    touched = self._of(json.loads(line))
                    if touched:
                        self.note(touched)
        finally:  # also by what is no event: who hears nothing more has to look anew
            self.cut = True
            self._woken.set()

    def _of(self, event: Mapping[str, Any]) -> str:
        """Return whom an event is about; empty when it is none of ours. Whose a volume is, no event says: it may be another's."""
        actor = event["Actor"]
        if event["Type"] == "volume":
            return records.container_of(actor["ID"])
        attributes = actor["Attributes"]
        names = (attributes.get("name", ""), attributes.get("oldName", "").lstrip("/"))
        ours = attributes.get(records.OWNER) == self._owner or any(one.startswith(f"{self._owner}.") for one in names)
        return str(actor["ID"]) if ours else ""
