# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mounts give, and containers of a real Engine that are given it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.model.mounts import Delivery, Mount, Source
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest, Outcome
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.secret_delivery import engine_name
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.secret_memory import PLACES
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import DockerRig, Fleet
from ansible_collections.hodei.workers.tests.testbed.dockerd import DockerEngine

Value = str | Mapping[str, str]


def given(way: str, place: str, value: Value, number: int = 1, **more: Any) -> Delivery:
    """Return what a mount gives; a mapping is a volume's."""
    mode = more.pop("mode", "0500" if way == "volume" else "0400")
    source = Source("local", SecretName("s"))
    mount = Mount(way, place, (source,), mode=mode, **more)
    values = {"": value} if isinstance(value, str) else value
    return Delivery(
        mount, mount.version({source: number}), {name: SecretValue.of_text(text) for name, text in values.items()}
    )


class Workers(Fleet):
    """One worker at a time, and the Engine by its own command."""

    rig: DockerRig

    def __init__(self, rig: DockerRig, engine: DockerEngine, secrets_in: str) -> None:
        super().__init__(rig)
        self.engine, self.secrets_in = engine, secrets_in

    def docker(self, *words: str) -> str:
        """Run the docker command."""
        command = ["docker", "-H", self.engine.url, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def inside(self, script: str, user: str = "") -> str:
        """Run a script in the worker."""
        words = ("sh", "-c", f"exec 2>&1; {script}")
        return self.provider.exec(ExecRequest(self.target("a"), words, user=user)).stdout.decode().strip()

    def spec(self, **more: Any) -> dict[str, Any]:
        """Return a worker that does nothing."""
        return {**self.rig.shell("while :; do sleep 0.1; done"), **more}

    def update(self, *secrets: Delivery, **more: Any) -> Outcome:
        """Give the worker other secrets."""
        (outcome,) = self.provider.update([self.request("a", more.pop("spec", self.spec()), secrets=secrets, **more)])
        return outcome

    def seen(self) -> Mapping[str, str] | None:
        """Return which secrets the list shows."""
        found = self.see("a")
        return found.secrets if found else None

    def kept(self) -> list[str]:
        """Return where secrets lie, asking nobody: directories in memory, and volumes."""
        engine = engine_name(self.engine.api.info())
        found = [str(one) for place in PLACES for one in Path(place).glob(f"hodei-secrets/{engine}/conformance/*")]
        volumes = self.docker("volume", "ls", "-q", "--filter", "name=hodei-secrets-").split()
        return found + volumes
