# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Run mypy on the collection under its real name (through the link in .venv), on the tools, and on the package that is an example."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLLECTION = Path(".venv/collections/ansible_collections/hodei/workers")
TEMPLATE = Path("examples/provider-template/src")
CHECKED = ("plugins", "extensions", "tests", "examples")


def main() -> int:
    mypy = [sys.executable, "-m", "mypy", "--no-error-summary"]
    folders = [COLLECTION / name for name in CHECKED if any((ROOT / name).rglob("*.py"))]
    tools = sorted(path.relative_to(ROOT) for path in (ROOT / "tools").glob("*.py"))
    codes = [
        subprocess.run([*mypy, *folders], cwd=ROOT, check=False).returncode,
        subprocess.run([*mypy, "--cache-dir=.cache/mypy-tools", *tools], cwd=ROOT, check=False).returncode,
        subprocess.run([*mypy, "--cache-dir=.cache/mypy-example", TEMPLATE], cwd=ROOT, check=False).returncode,
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
