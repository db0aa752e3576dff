# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pump of a command's streams, where the order of what happens cannot be left to chance."""

from __future__ import annotations

import io
import os
import select
import threading

from ansible_collections.hodei.workers.plugins.module_utils.providers.output import Output
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.execution import Pump


class Gate(io.BytesIO):
    """A file whose writer is held until it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.opened = threading.Event(), threading.Event()

    def write(self, data: object) -> int:
        """Wait at the gate, then write."""
        self.reached.set()
        self.opened.wait()
        return super().write(data)  # type: ignore[arg-type]


def full(pipe: int) -> bool:
    """Whether nothing more goes into it."""
    return not select.select([], [pipe], [], 0)[1]


def test_the_end_and_room_for_more_stdin_in_one_batch() -> None:
    """The command ends while its pipe is full: closing our end of it is not followed by a write to it."""
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    gate = Gate()
    pump = Pump((ours_in, io.BytesIO(b"x" * (1 << 20))), {ours_out: Output(None, gate)})
    while not full(ours_in):
        pass
    os.write(theirs_out, b"held")
    gate.reached.wait()  # the thread is in the file now, and sees all that follows in one batch
    os.close(theirs_out)
    end = threading.Thread(target=pump.finish)
    end.start()
    select.select([pump._ended], [], [])
    os.read(theirs_in, 1 << 20)
    gate.opened.set()
    end.join()
    os.close(theirs_in)
    assert pump.problem is None
    assert gate.getvalue() == b"held"
