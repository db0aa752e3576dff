# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which type a provider's configuration means when it does not say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .errors import HodeiError, Problem
from .schema import Schema

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
_PLUGIN = "The package of a plug-in has to be installed where the task runs, for the Python that runs it"


def detect_type(
    path: str, config: Mapping[str, Any], known: Mapping[str, Schema], common: Collection[str]
) -> str | Problem:
    """Return the type of a provider, written or told from its keys, or the Problem that says why there is none.

    ``known`` has the types that there are here, with the schemas of their own keys; ``common`` are the keys that tell nothing.
    Types of plug-ins are looked for only when the built-in ones do not answer.
    """
    try:
        if "type" in config:
            return _written_type(path, config["type"], known)
        keys = config.keys() - set(common)
        if not keys:
            return DEFAULT_TYPE
        found = sorted(name for name, signs in SIGNS.items() if any(sign <= keys for sign in signs))
        found = found or _plugged(keys, known)
        if len(found) == 1:
            return _written_type(path, found[0], known)
    except HodeiError as error:
        return Problem(f"{path}.type", error.message.rstrip("."), error.hint)
    shown = ", ".join(sorted(map(str, keys)))
    why = f"could be {' or '.join(found)}" if found else "is not known"
    return Problem(
        path, f"the type of a provider with {shown} {why}", f"write type: {' or '.join(found or sorted(known))}"
    )


def _plugged(keys: Collection[Any], known: Mapping[str, Schema]) -> list[str]:
    """Return the types of plug-ins that the keys tell; a plug-in that cannot be used is told when its type is written."""
    found = []
    for name in sorted(set(known) - set(SIGNS)):
        try:
            signs = known[name].get("x-signs", ())
        except HodeiError:
            continue
        if any(set(keys) >= set(sign) for sign in signs):
            found.append(name)
    return found


def _written_type(path: str, name: Any, known: Mapping[str, Schema]) -> str | Problem:
    place = f"{path}.type"
    if not isinstance(name, str):
        return Problem(place, "a type is text", f"write one of {', '.join(sorted(known))}")
    if name in known:
        return name
    if name in SIGNS:
        return Problem(
            place, f"providers of type '{name}' are not in this version", f"it has {', '.join(sorted(known))}"
        )
    import difflib

    close = difflib.get_close_matches(name.lower(), [*known, *SIGNS], 1)
    hint = f"did you mean {close[0]}?" if close else f"write one of {', '.join(sorted(known))}. {_PLUGIN}"
    return Problem(place, f"'{name}' is not a type of provider", hint)
