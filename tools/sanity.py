# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Run `ansible-test sanity --venv` on a copy of our sources, with a home directory of its own.

ansible-test wants the collection at a real .../ansible_collections/hodei/workers, and keeps its environments in the home
directory: both lie in this user's cache, so that a second run builds nothing and the person's own files stay as they are.
pylint judges what ships; our tests, which are as much again, have ruff and mypy. All other tests see all files.
Arguments go to ansible-test: `python tools/sanity.py --test validate-modules plugins/modules/worker.py`.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import source

FINDING = ("ERROR: ", "WARNING: Skipping")


def ignore_files() -> list[Path]:
    return [path for path in (source.ROOT / "tests" / "sanity").glob("ignore-*.txt") if path.read_text().strip()]


def pip_settings() -> dict[str, str]:
    """What pip knows of this machine: ansible-test drops PIP_* and SSL_*, and the home directory is another."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    settings = dict(re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", listed, re.M))
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        if os.environ.get(variable):
            settings.setdefault("cert", os.environ[variable])
    return settings


def pip_version() -> str:
    """The pip that the installed ansible-test bootstraps its environments with."""
    import ansible_test

    internals = Path(next(iter(ansible_test.__path__))) / "_internal" / "python_requirements.py"
    found = re.search(r"""pip=['"]([\d.]+)['"]""", internals.read_text())
    if not found:
        sys.exit(f"{internals} names no version of pip any more; tools/sanity.py must learn where it is")
    return found[1]


def prepare_home(home: Path) -> None:
    """A home directory with pip's settings and the stand-in for the script that ansible-test would download."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copy(source.ROOT / "tools" / "get_pip.py", cache / f"get_pip_{pip_version().replace('.', '_')}.py")
    config = configparser.ConfigParser(interpolation=None)
    config["global"] = pip_settings()
    (home / ".config" / "pip").mkdir(parents=True, exist_ok=True)
    with (home / ".config" / "pip" / "pip.conf").open("w") as file:
        config.write(file)


def main() -> int:
    for path in ignore_files():
        print(f"{path.relative_to(source.ROOT)} is not empty: a finding is mended, not ignored")
        return 1
    cache = source.checkout_cache() / "sanity"
    collection = source.export(cache / source.COLLECTION, keep=("tests/output",))
    # Documents that are broken on purpose: what they are good for is that nothing can read them.
    shutil.rmtree(collection / "tests" / "integration" / "broken", ignore_errors=True)
    prepare_home(cache / "home")
    environment = {**os.environ, "HOME": str(cache / "home"), "ANSIBLE_COLLECTIONS_PATH": str(cache)}
    environment.pop("PYTHONPATH", None)
    wanted = [sys.argv[1:]] if sys.argv[1:] else [["--skip-test", "pylint"], ["--test", "pylint", "plugins/"]]
    return max(run(arguments, collection, environment) for arguments in wanted)


def run(arguments: list[str], collection: Path, environment: dict[str, str]) -> int:
    """Run ansible-test, and tell what it finds."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [str(Path(sys.executable).with_name("ansible-test")), "sanity", "--venv", "--python", version]
    done = subprocess.run(
        [*command, "--color", "no", *arguments],
        cwd=collection,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        found = [line for line in done.stdout.splitlines() if line.startswith(FINDING)]
        print("\n".join(found) or done.stdout)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
