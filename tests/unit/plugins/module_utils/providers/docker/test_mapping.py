# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a spec to the body of a create."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import CreateRequest, Labels
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.mapping import Settings, create_body


def body(spec: dict[str, Any]) -> dict[str, Any]:
    """What the Engine is asked for."""
    request = CreateRequest(
        operation="op",
        address=Address("worker", "web", None),
        generation=1,
        spec=spec,
        digest="d",
        labels=Labels("ci", "lineage", "key"),
    )
    return create_body(request, Settings("docker", "ci"), {})


def test_a_program_takes_the_place_of_the_images_entry_point() -> None:
    """With the command as its arguments; without it the image's own stays."""
    made = body({"image": "a", "program": "/bin/$(NAME)", "command": ["-x", "$(NAME)"], "env": {"NAME": "serve"}})
    assert made["Entrypoint"] == ["/bin/serve"]
    assert made["Cmd"] == ["-x", "serve"]
    assert "Entrypoint" not in body({"image": "a", "command": ["-x"]})
