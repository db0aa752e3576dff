# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages as pip leaves them, written by hand: metadata with an entry point, and a module."""

from __future__ import annotations

from pathlib import Path

GROUP = "hodei_workers.providers"

#: A provider that can do nothing, with everything that a description needs.
GOOD = """
PORT_VERSION = "{version}"
def provider_type():
    from ansible_collections.hodei.workers.plugins.module_utils.model.carry import Carry, Support
    from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Fingerprint, Provider
    from ansible_collections.hodei.workers.plugins.module_utils.model.provider_type import ProviderType
    class Nothing:
        def fingerprint(self):
            return Fingerprint("{type}", "1", {{}})
        def capacity(self):
            raise KeyError("hunter22")
    for call in dir(Provider):
        if not call.startswith("_") and not hasattr(Nothing, call) and call not in {without}:
            setattr(Nothing, call, lambda self, *args: None)
    schema = {{"type": "object", "properties": {{"{key}": {{"type": "string", "format": "text"}}}}, "additionalProperties": False}}
    return ProviderType({{"command": Carry(Support.NATIVE)}}, schema, lambda *args: Nothing(), signs=(frozenset({{"{key}"}}),))
"""


def good(kind: str = "pond", *, version: str = "1.0.0", key: str = "depth", without: tuple[str, ...] = ()) -> str:
    """Return the source of a plug-in that can be used."""
    return GOOD.format(type=kind, version=version, key=key, without=without)


def install(place: Path, package: str, source: str, *, kind: str = "pond", version: str = "0.1") -> None:
    """Put a package into a directory of a Python's path."""
    module = package.replace("-", "_")
    (place / f"{module}.py").write_text(source)
    metadata = place / f"{module}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{kind} = {module}\n")
