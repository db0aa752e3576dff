# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Build the collection's tarball from our sources into .cache/dist, and see that nothing of the workshop is in it."""

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
SHIPPED |= {"MANIFEST.json", "FILES.json", "SECURITY.md", "CONTRIBUTING.md"}


def main() -> int:
    sources = source.export(source.checkout_cache() / "build" / source.COLLECTION)
    dist = source.ROOT / ".cache" / "dist"
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
        strange = sorted({name.split("/")[0] for name in archive.getnames()} - SHIPPED)
    if strange:
        print(f"{tarball.name} ships what a user has no use for (galaxy.yml, build_ignore): {', '.join(strange)}")
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())
