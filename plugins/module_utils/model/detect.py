# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which type a provider's configuration means when it does not say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .errors import Problem

#: type -> sets of keys of which one whole set tells the type.
SIGNS: dict[str, tuple[frozenset[str], ...]] = {
    "process": (frozenset({"directory"}),),
    "docker": (frozenset({"url"}), frozenset({"socket"})),
    "kubernetes": (frozenset({"kubeconfig"}), frozenset({"context"})),
    "ecs": (frozenset({"region", "cluster"}),),
    "aci": (frozenset({"subscription", "resource_group"}),),
    "cloud_run": (frozenset({"project", "region"}),),
    "lambda": (frozenset({"region", "function_role"}),),
    "cloudflare": (frozenset({"account_id"}),),
}
DEFAULT_TYPE = "process"


def detect_type(path: str, config: Mapping[str, Any], known: Collection[str], common: Collection[str]) -> str | Problem:
    """Return the type of a provider, written or told from its keys, or the Problem that says why there is none.

    ``known`` are the types of this version, ``common`` the keys that tell nothing.
    """
    if "type" in config:
        return _written_type(path, config["type"], known)
    keys = config.keys() - set(common)
    if not keys:
        return DEFAULT_TYPE
    found = sorted(name for name, signs in SIGNS.items() if any(sign <= keys for sign in signs))
    if len(found) == 1:
        return _written_type(path, found[0], known)
    shown = ", ".join(sorted(map(str, keys)))
    why = f"could be {' or '.join(found)}" if found else "is not known"
    return Problem(
        path, f"the type of a provider with {shown} {why}", f"write type: {' or '.join(found or sorted(known))}"
    )


def _written_type(path: str, name: Any, known: Collection[str]) -> str | Problem:
    if name in known:
        return str(name)
    place = f"{path}.type"
    if not isinstance(name, str):
        return Problem(place, "a type is text", f"write one of {', '.join(sorted(known))}")
    if name in SIGNS:
        return Problem(
            place, f"providers of type '{name}' are not in this version", f"it has {', '.join(sorted(known))}"
        )
    import difflib

    close = difflib.get_close_matches(name.lower(), [*known, *SIGNS], 1)
    hint = f"did you mean {close[0]}?" if close else f"write one of {', '.join(sorted(known))}"
    return Problem(place, f"'{name}' is not a type of provider", hint)
