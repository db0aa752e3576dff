# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Stands in for the bootstrap script of pip that ansible-test would download from a site of its own.

tools/sanity.py puts a copy where ansible-test looks for its cached one. pip comes from Python itself (ensurepip), then
brings itself to the versions asked for; setuptools goes again if it was not wanted (left in, pylint's gate fails).
"""

from __future__ import annotations

import subprocess
import sys


def main() -> None:
    python = [sys.executable, "-m"]
    flags = {"--no-setuptools", "--no-wheel"}
    arguments = [argument for argument in sys.argv[1:] if argument not in flags]
    subprocess.run([*python, "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*python, "pip", "install", *arguments], check=True)
    if "--no-setuptools" in sys.argv:
        subprocess.run([*python, "pip", "uninstall", "--yes", "--quiet", "setuptools"], check=True)


if __name__ == "__main__":
    main()
