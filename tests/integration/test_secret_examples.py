# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of secrets, and the playbook that they use: it converges secrets and leaves workers alone."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

from ansible_collections.hodei.workers.tests.support.examples import EXAMPLES
from ansible_collections.hodei.workers.tests.support.playbook import Site

EPHEMERAL = ("-e", json.dumps({"hodei_backend": {"allow_ephemeral": True}}))
SLEEP = ["sleep", "infinity"]


class Shop(Site):
    """Somebody who copied the example."""

    def __init__(self) -> None:
        super().__init__(owner="shop")
        self.directory = self.place / "shop"
        shutil.copytree(EXAMPLES / "secrets-generate", self.directory)
        self.out = self.place / "out"  # where ansible-playbook is started

    def inventory(self) -> Path:
        """Use the example's own."""
        return self.directory / "inventory.yml"

    def conf(self) -> dict[str, str]:
        """Read what the application would read."""
        lines = (self.out / "app.conf").read_text().splitlines()
        return dict(line.split(" = ") for line in lines if "=" in line)


def test_generate_use_and_replace() -> None:
    """Each command of its page: the plan changes nothing, the values reach files and nothing else, a replaced one has its predecessor."""
    with closing(Shop()) as shop:
        shop.play("init", *EPHEMERAL)
        assert "7 to create" in shop.play("secrets", "--check", *EPHEMERAL).output
        assert shop.play("secrets", *EPHEMERAL).changed == 1
        used = shop.play(shop.directory / "use.yml", *EPHEMERAL, "-vvv", "--diff")
        first = shop.conf()
        assert len(first["password"]) == 24
        assert first["previous"] == "none"
        assert (shop.out / "tls.key").read_text().startswith("-----BEGIN PRIVATE KEY")
        assert (shop.out / "tls.crt").read_text().startswith("-----BEGIN CERTIFICATE")
        assert "ssh-ed25519" in used.output, "the control: what is not hidden is seen"
        for name in ("password", "token", "key"):
            assert first[name] not in used.output
        replaced = shop.play("secrets", *EPHEMERAL, "-e", "hodei_replace=partner/api-key")
        assert "value: (changed)" in replaced.output
        shop.play(shop.directory / "use.yml", *EPHEMERAL)
        assert shop.conf() == first | {"key": shop.conf()["key"], "previous": first["key"]}
        assert shop.conf()["key"] != first["key"]


def test_workers_are_left_alone(site: Site) -> None:
    """They are in the document, and one was; a provider that cannot be reached is nobody's concern."""
    secrets = [{"name": "a", "value": "1"}, {"name": "b/c", "generate": "token"}]
    site.set(
        [
            {"name": "w", "provider": "local", "command": SLEEP},
            {"name": "far", "provider": "far", "image": "nowhere:1"},
        ],
        hodei_secrets=secrets,
        hodei_providers={
            "local": {"type": "process"},
            "far": {"type": "docker", "url": f"unix://{site.place}/none.sock"},
        },
    )
    site.play("init")
    done = site.play("secrets", "--diff")
    assert [one["address"] for one in done.results[0]["results"]] == ["secret.a", "secret.b/c"]
    assert not site.pids()
    site.set(hodei_secrets=[*secrets[1:], {"name": "d", "generate": "uuid"}])
    pruned = site.play("secrets").results[0]["results"]
    assert {(one["address"], one["action"]) for one in pruned} == {("secret.d", "create"), ("secret.a", "delete")}
