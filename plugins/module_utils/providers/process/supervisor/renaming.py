# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another address for a worker that goes on living: its record and its logs get the new name, its process notices nothing.

The record's file is renamed first, in one step, and its name is what counts. A supervisor that is killed before the rest is done
leaves a record whose content still has the old name; the next one sees that and goes on from there.

An owner that got another name is the same from within: the supervisor that comes after the move writes it into all records. Only
the path of a worker's own directory waits for its next start, because its process has the old one.
"""

from __future__ import annotations

import os
import sys

from .failpoint import reach
from .record import Record, as_filed, replace
from .wire import WORKERS_DIR
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


def relabel(record: Record, world: World) -> None:
    """Let a record belong to the owner whose supervisor this is."""
    if record.owner != world.owner:
        record.owner = world.owner
        reach("relabelling")
        _write(record, world)
        reach("relabelled")


def move_in(record: Record, world: World) -> None:
    """Let a worker that is about to start have the path that its own directory has now, and the secrets that it was given last."""
    home = os.path.join(world.directories.path, WORKERS_DIR, record.place)
    if record.home != home or record.began_with is not None:
        record.home, record.began_with = home, None
        _write(record, world)
        reach("moving in")


def _write(record: Record, world: World) -> None:
    """Write a whole record. One that finds no room stays as it is: what it says is true until the next supervisor tries again."""
    try:
        replace(record, world.directories.records)
    except OSError as error:
        sys.stderr.write(f"{record.id}: record not written: {error}\n")
