# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of reading secrets, for plugins: where the broker is met, and what becomes of values in Ansible."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible import constants, template

from ansible_collections.hodei.workers.plugins.module_utils.ansible import broker_desk
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind

#: Since ansible-core 2.19 a text is a template only where somebody trusts it.
_TRUSTS = hasattr(template, "trust_as_template")


def desk() -> broker_desk.Desk:
    """Return where this process asks: Ansible's temporary directory is private, and all forks have the same. Raises HodeiError."""
    return broker_desk.desk(constants.DEFAULT_LOCAL_TMP)


def ticket() -> dict[str, Any] | None:
    """Return what a module needs to ask the broker itself; see ``broker_desk.ticket``."""
    return broker_desk.ticket(constants.DEFAULT_LOCAL_TMP)


def never_templated(value: Any) -> Any:
    """Return a value that Ansible takes as it is, whatever braces are in it; since ansible-core 2.19 that is so for all but templates."""
    if _TRUSTS or not isinstance(value, str):
        return value
    from ansible.utils.unsafe_proxy import wrap_var

    return wrap_var(value)


def are_from_lookup(texts: Sequence[str]) -> list[bool]:
    """Tell which texts are, or hold, values that lookups of this playbook returned: here, in another fork, or in a fact.

    The broker remembers them: short ones only where they are the whole text; after it was killed, what it has given since. Another
    text that happens to be the same is taken for one.
    """
    return desk().known(texts) if texts else []


def written() -> None:
    """Say that a task may have changed secrets, so that the next lookup reads them."""
    desk().forget()


def load(path: str, loader: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Read a document of ``hodei_document`` where modules find it: beside the play, the inventory, or where Ansible was started."""
    from ansible_collections.hodei.workers.plugins.module_utils.ansible.documents import load_document

    for place in (loader.get_basedir(), variables.get("inventory_dir"), os.environ.get("PWD") or os.getcwd()):
        for folder in ("files", ""):
            found = os.path.join(place, folder, path) if place else ""
            if os.path.isfile(found):
                with open(found, encoding="utf-8") as file:
                    return load_document(file.read(), found)
    raise HodeiError(Kind.NOT_FOUND, f"the document {path} was not found", hint="It is looked for beside the play.")
