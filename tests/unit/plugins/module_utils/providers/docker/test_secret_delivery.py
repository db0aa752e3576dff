# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the secrets of one Engine lie."""

from __future__ import annotations

from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.secret_delivery import engine_name


def test_engines_of_one_machine_have_places_of_their_own() -> None:
    """Engines that share /etc/docker have one ID; each would take the other's secrets for left over."""
    one = {"ID": "2WJG:X2O7", "DockerRootDir": "/var/lib/docker"}
    assert engine_name(one) == engine_name(dict(one))
    assert engine_name(one) != engine_name({**one, "DockerRootDir": "/srv/docker"})
    assert engine_name(one) != engine_name({**one, "ID": "ABCD:EFGH"})
    assert engine_name(one).isalnum()
