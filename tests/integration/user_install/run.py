# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Install our tarball as a user would, and use it: `python tests/integration/user_install/run.py 2.19 TARBALL`.

The user has an Ansible of their own in an environment outside of our tree, a home directory of their own and no checkout.
Of the collection only meta, plugins, roles, playbooks and extensions are left, which must be enough. Then each playbook of
examples/smoke runs, and what docs/lookup.md tells a stranger to do, and must leave no process behind.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools"))

import leftovers
import source

ENOUGH = {"meta", "plugins", "roles", "playbooks", "extensions", "MANIFEST.json", "FILES.json"}
PASSWORD_LENGTH = 32
NEWEST_PYTHON = {"2.17": (3, 12), "2.18": (3, 13), "2.19": (3, 13)}


class User:
    """Somebody with Ansible `version`, and with `home` as home directory and working directory."""

    def __init__(self, version: str, home: Path) -> None:
        self.home = home
        self.venv = source.shared_cache() / f"user-{version}"
        self.collections = home / ".ansible" / "collections"
        lock = ROOT / "requirements" / f"user-{version}.lock"
        subprocess.run([sys.executable, ROOT / "tools" / "make_venv.py", lock, self.venv], check=True)

    def environment(self) -> dict[str, str]:
        """Nothing of ours: neither the paths that make sets nor an ANSIBLE_* of whoever runs the gate."""
        ours = ("ANSIBLE_", "HODEI_", "PYTHON", "VIRTUAL_ENV", "COVERAGE_", "COV_", "MAKE", "XDG_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**kept, "HOME": str(self.home), "PATH": path, "ANSIBLE_NOCOLOR": "1"}

    def run(self, *command: str | Path) -> str:
        """Run a command as the user and return what it said; a failure or a deprecation of ours ends the gate."""
        done = subprocess.run(
            [self.venv / "bin" / command[0], *command[1:]],
            cwd=self.home,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode or "[DEPRECATION WARNING]" in done.stdout:
            print(f"$ {' '.join(map(str, command))}\n{done.stdout}\n[exit {done.returncode}]")
            raise SystemExit(1)
        return done.stdout

    def install(self, tarball: Path) -> Path:
        self.run("ansible-galaxy", "collection", "install", "--offline", "-p", self.collections, tarball)
        installed = self.collections / source.COLLECTION
        for path in installed.iterdir():
            if path.name not in ENOUGH:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return installed


def documented(user: User, installed: Path) -> None:
    """Every plugin shows its documentation with the user's own ansible-doc."""
    for kind in ("module", "lookup", "inventory", "connection", "callback", "filter"):
        folder = installed / "plugins" / (f"{kind}s" if kind == "module" else kind)
        names = [f"hodei.workers.{path.stem}" for path in folder.glob("*.py") if not path.name.startswith("_")]
        if names and kind != "filter":
            user.run("ansible-doc", "--type", kind, "--json", *names)


def stranger(user: User) -> None:
    """Somebody in an empty directory does what the page on the lookup says, word for word, and has the password in a file."""
    page = (ROOT / "docs" / "lookup.md").read_text().partition("## What you can ask for")[0]
    for name, block in re.findall(r"`(\w+\.yml)`[^`]*```yaml\n(.*?)```", page, re.DOTALL):
        (user.home / name).write_text(block)
    said = ""
    for line in re.findall(r"^\$ (ansible-playbook .*)$", page, re.MULTILINE):
        said += user.run(*line.split(), "-e", '{"hodei_backend": {"allow_ephemeral": true}}', "-vvv")
    password = (user.home / "app.conf").read_text().strip().removeprefix("password=")
    if len(password) != PASSWORD_LENGTH or password in said or "TASK [Write its configuration]" not in said:
        print(
            f"the page on the lookup: a password of {len(password)} characters; said:\n{said.replace(password, '(password)')}"
        )
        raise SystemExit(1)


def main() -> int:
    version, tarball = sys.argv[1], Path(sys.argv[2]).resolve()
    if sys.version_info[:2] > NEWEST_PYTHON[version]:
        print(f"ansible-core {version} does not run on Python {sys.version.split()[0]}; not checked")
        return 1 if os.environ.get("CI") == "true" else 0
    with tempfile.TemporaryDirectory(prefix="hodei-u") as folder:  # short: sockets lie below it
        user = User(version, Path(folder))
        documented(user, user.install(tarball))
        smoke = user.home / "smoke"
        if (ROOT / "examples" / "smoke").is_dir():
            shutil.copytree(ROOT / "examples" / "smoke", smoke)
        playbooks = sorted(smoke.glob("*.yml"))
        for playbook in playbooks:
            # An inventory of workers knows no localhost, and need not: it is there by itself.
            user.run("ansible-playbook", "-i", smoke / "smoke.hodei.yaml", playbook)
        stranger(user)
        left = leftovers.end(f"HOME={user.home}")
        print("".join(f"{line}\n" for line in left), end="")
    print(f"ansible-core {version}: {len(playbooks)} playbooks")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
