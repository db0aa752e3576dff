# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""What the gates that need a clean tree share: a copy of the sources elsewhere, and a cache outside of the tree."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLLECTION = Path("ansible_collections") / "hodei" / "workers"


def shared_cache() -> Path:
    """The cache that all checkouts of this user share."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hodei-workers-ci"


def checkout_cache() -> Path:
    """The cache of this checkout alone: two clones may run their gates at the same time."""
    return shared_cache() / hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]


def files() -> list[str]:
    """Every file that is tracked, or new and not ignored."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted({name for name in listed.split("\0") if name and os.path.lexists(ROOT / name)})


def unchanged(source: Path, copy: Path) -> bool:
    if source.is_symlink() or copy.is_symlink() or not copy.is_file():
        return False
    before, after = source.stat(), copy.stat()
    return (before.st_size, before.st_mtime_ns, before.st_mode) == (after.st_size, after.st_mtime_ns, after.st_mode)


def export(target: Path, keep: tuple[str, ...] = ()) -> Path:
    """Make `target` hold exactly our sources, plus what lies under `keep`; only what differs is written."""
    wanted = files()
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(target.rglob("*"), reverse=True):
        name = path.relative_to(target).as_posix()
        if any(name == kept or name.startswith(f"{kept}/") or kept.startswith(f"{name}/") for kept in keep):
            continue
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif name not in set(wanted):
            path.unlink()
    for name in wanted:
        source, copy = ROOT / name, target / name
        if unchanged(source, copy):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.unlink(missing_ok=True)
        shutil.copy2(source, copy, follow_symlinks=False)
    return target
