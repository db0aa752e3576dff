# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's store of secrets, made where the lookup finds it."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import create_key_file, key_source
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import FILE, LocalStore
from ansible_collections.hodei.workers.tests.support.brokers import brokers_of
from ansible_collections.hodei.workers.tests.support.playbook import Site


def store_of(site: Site, secrets: Mapping[str, bytes], name: str = "local") -> LocalStore:
    """Make the store of a site's owner, with its key beside it, and return it."""
    home = site.home / "stores" / name
    create_key_file(home / "store.key")
    store = LocalStore(home / FILE, key_source({"file": str(home / "store.key")}))
    store.initialise(allow_ephemeral=True)
    for path, value in secrets.items():
        store.put(SecretName.parse(path), SecretValue(value))
    return store


def brokers(site: Site) -> list[int]:
    """Return the brokers that serve playbooks of a site."""
    return brokers_of(f"HODEI_STATE_DIR={site.place}/state".encode())
