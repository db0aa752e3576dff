# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Build the collection's tarball into .cache/dist or the directory given, and see that nothing of the workshop is in it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import source

SHIPPED = {
    "meta",
    "plugins",
    "roles",
    "playbooks",
    "extensions",
    "docs",
    "examples",
    "schemas",
    "changelogs",
    "LICENSES",
}
SHIPPED |= {"README.md", "LICENSE", "CHANGELOG.md", "CHANGELOG.rst", "requirements.txt", "bindep.txt"}
SHIPPED |= {"tests/conformance/providers", "tests/testbed/wait.py"}  # what a stranger's provider is tested with
SHIPPED |= {"MANIFEST.json", "FILES.json", "SECURITY.md", "CONTRIBUTING.md"}


def main() -> int:
    sources = source.export(source.checkout_cache() / "build" / source.COLLECTION)
    dist = Path(sys.argv[1]) if len(sys.argv) > 1 else source.ROOT / ".cache" / "dist"
    readme = sources / "README.md"
    if not readme.exists():  # the README is written last; galaxy wants one
        readme.write_text("# hodei.workers\n")
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    built = subprocess.run(
        [galaxy, "collection", "build", "--force", "--output-path", dist, sources],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if built.returncode:
        print(built.stdout)
        return built.returncode
    (tarball,) = dist.glob("*.tar.gz")
    with tarfile.open(tarball) as archive:
        files = [member.name for member in archive.getmembers() if member.isfile()]
    strange = sorted(name for name in files if not {"/".join(name.split("/")[:count]) for count in (1, 3)} & SHIPPED)
    if strange:
        print(f"{tarball.name} ships what a user has no use for (galaxy.yml, build_ignore): {', '.join(strange)}")
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())
