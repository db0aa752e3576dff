# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file system of an image, made of what this machine has: a busybox, this Python, and the libraries that it needs."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

_UNWANTED = {"test", "site-packages", "__pycache__", "idlelib", "tkinter", "ensurepip", "lib2to3"}
_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"


def python_image(busybox: str, cache: Path) -> Path:
    """Return the path of a tar, which is made when what it is made of has changed."""
    made_of = [Path(__file__).read_bytes(), sys.version.encode()]
    for one in (busybox, sys.executable):
        status = os.stat(one)
        made_of.append(f"{os.path.realpath(one)} {status.st_size} {status.st_mtime_ns}".encode())
    path = cache / f"image-{hashlib.sha256(b' '.join(made_of)).hexdigest()[:16]}.tar"
    if not path.exists():
        half = path.with_suffix(f".{os.getpid()}")
        _write(half, busybox)
        half.replace(path)
    return path


def _write(path: Path, busybox: str) -> None:
    base = Path(sys.base_prefix)
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": str(base)}))
    interpreter = Path(os.path.realpath(sys.executable))
    with tarfile.open(path, mode="w") as tar:

        def link(name: str, to: str) -> None:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, to
            tar.addfile(entry)

        tar.add(os.path.realpath(busybox), "bin/busybox")
        applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
        for applet in applets:
            if applet != "busybox":
                link(f"bin/{applet}", "busybox")
        link("bin/python3", str(interpreter))
        tar.add(interpreter, str(interpreter))
        tar.add(library, str(library), filter=_wanted)
        for needed in _libraries({interpreter, *library.glob("lib-dynload/*.so"), *base.glob("lib/libpython3*.so*")}):
            tar.add(os.path.realpath(needed), needed)
        for name in ("tmp", "root"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        passwd = tarfile.TarInfo("etc/passwd")
        passwd.size = len(_PASSWD)
        tar.addfile(passwd, io.BytesIO(_PASSWD))


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if _UNWANTED & {*Path(entry.name).parts} or "config-" in entry.name else entry


def _libraries(programs: set[Path]) -> list[str]:
    listed = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    return sorted({word for word in listed.split() if word.startswith("/") and not word.endswith(":")})
