# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Workers as detached processes, remembered in a directory: a provider to copy.

This module is what the entry point names. It says for which version of the port it was written before anything of the
collection is imported, so that a version that does not fit is refused in plain words.
"""

from __future__ import annotations

from typing import Any

PORT_VERSION = "1.0.0"


def provider_type() -> Any:
    """Describe the type; heavy libraries are imported where they are used, not here."""
    from pathlib import Path

    from ansible_collections.hodei.workers.plugins.module_utils.model.provider_type import ProviderType

    from .fields import COLUMN, CONFIG

    def make(name: str, config: Any, owner: str, home: Path) -> Any:
        from .provider import SpoolProvider

        return SpoolProvider(Path(config.get("spool") or home).expanduser() / owner / name, owner, config["settle"])

    # local: on the same machine, so no retry, no breaker and no rate limits around it. Leave it out for what is remote.
    return ProviderType(COLUMN, CONFIG, make, local=True, signs=(frozenset({"spool"}),))
