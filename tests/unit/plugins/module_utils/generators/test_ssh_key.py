# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is generated for SSH is what ssh-keygen reads, and says of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.tests.support.generated_values import made
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed


@pytest.fixture(autouse=True)
def _ssh_keygen(shared_testbed: Testbed) -> None:
    shared_testbed.need("ssh_keygen")


def keygen(*words: str | Path) -> str:
    return subprocess.run(["ssh-keygen", *words], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("key", "bits", "name"),
    [
        ("ed25519", "256", "ED25519"),
        ("rsa-3072", "3072", "RSA"),
        ("ecdsa-p256", "256", "ECDSA"),
        ("ecdsa-p384", "384", "ECDSA"),
        ("ecdsa-p521", "521", "ECDSA"),
    ],
)
def test_ssh_keygen_reads_both_keys(key: str, bits: str, name: str, tmp_path: Path) -> None:
    fields = made({"type": "ssh_key", "key": key, "comment": "deploy@ci"}).fields()
    private, public = tmp_path / "id", tmp_path / "other.pub"
    private.touch(0o600)
    private.write_bytes(fields["private_key"].reveal())
    public.write_text(fields["public_key"].text())
    assert keygen("-lf", public) == f"{bits} {fields['fingerprint'].text()} deploy@ci ({name})"
    assert keygen("-yf", private).split()[:2] == fields["public_key"].text().split()[:2]


def test_without_a_comment_the_line_ends_with_the_key() -> None:
    assert len(made("ssh_key").field("public_key").text().split(" ")) == 2
