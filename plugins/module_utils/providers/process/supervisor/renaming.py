# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another address for a worker that goes on living: its record and its logs get the new name, its process notices nothing.

The record's file is renamed first, in one step, and its name is what counts. A supervisor that is killed before the rest is done
leaves a record whose content still has the old name; the next one sees that and goes on from there.
"""

from __future__ import annotations

import os

from .failpoint import reach
from .record import Record, as_filed, replace
from .world import World


def rename(record: Record, worker: str, world: World) -> None:
    """Give a record that is on file another id. Raises OSError."""
    directory = world.directories.records
    reach("renaming")
    os.rename(f"{record.id}.json", f"{worker}.json", src_dir_fd=directory, dst_dir_fd=directory)
    reach("renamed")
    finish(record, f"{worker}.json", world)


def finish(record: Record, file: str, world: World) -> None:
    """Bring logs and content after a record's file; harmless where nothing is to be done. Raises OSError."""
    old = record.id
    if as_filed(record, file):
        world.logs.rename(old, record.id)
        reach("relogged")
        replace(record, world.directories.records)
