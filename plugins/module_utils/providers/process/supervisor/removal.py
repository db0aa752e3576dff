# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting what a worker leaves, who may be hostile and still at work in it."""

from __future__ import annotations

import os
import shutil
import stat


def remove_tree(name: str, dir_fd: int) -> None:
    """Delete a directory and all in it; a missing one is fine, a link is unlinked and never entered.

    ``shutil.rmtree`` with a descriptor is the form that withstands a worker who swaps directories for links meanwhile.
    """
    try:
        if stat.S_ISDIR(os.lstat(name, dir_fd=dir_fd).st_mode):
            shutil.rmtree(name, dir_fd=dir_fd)
        else:
            os.unlink(name, dir_fd=dir_fd)
    except FileNotFoundError:
        return
