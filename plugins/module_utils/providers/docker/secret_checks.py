# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a secret of a container cannot lie. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from ...model.placeholders import names_secrets
from ...model.worker import Spec
from ..references import expand_all
from .secret_layout import DIRECTORY, OURS, is_inside, place_of

Said = Iterator[tuple[str, str, str]]
#: Where `$(NAME)` stands for a variable.
_EXPANDED = ("env", "program", "command", "cwd", "health", "reload")
#: What a container has of the Engine at each start, whatever lies there in its own file system.
_LAID_OVER = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/proc", "/sys", "/dev")


def laid_over(path: str) -> str:
    """Return what of the Engine's own covers a path; empty when nothing does."""
    return next((one for one in _LAID_OVER if f"{path}/".startswith(f"{one}/")), "")


def has_secret_files(spec: Spec) -> bool:
    """Tell whether secrets of a worker lie in files."""
    return bool(_places(spec)) or any(map(_is_secret, spec.get("files", ())))


def secret_problems(spec: Spec) -> Said:
    """Say which secrets cannot lie where they should, and what cannot lie where they do."""
    for name in (one["env"] for one in spec.get("secrets", ()) if "env" in one):
        for field in _EXPANDED:
            value = spec.get(field)
            if expand_all(value, {name: ""}) != expand_all(value, {}):
                hint = "have the program read it from its environment"
                yield field, f"$({name}) is a secret, which all would see here who may use the Engine", hint
    if not has_secret_files(spec):
        return
    places, volumes = _places(spec), {posixpath.normpath(one["path"]): one for one in spec.get("volumes", ())}
    for path, volume in volumes.items():
        if is_inside(path):
            hint = "choose another path for the volume"
            yield f"volumes.{volume['name']}", f"the secrets of the worker lie in {DIRECTORY}", hint
    for file in spec.get("files", ()):
        if file["path"].startswith("/") and is_inside(posixpath.normpath(file["path"])) and not _is_secret(file):
            yield f"files.{file['path']}", f"only secrets lie in {DIRECTORY}", "choose another path"
    for number, (path, place) in enumerate(places):
        if any(place == other for _unused, other in places[:number]):
            yield f"secrets.{path}", f"another secret lies at {place}, too", "choose another place for one of them"
        elif any(place.startswith(f"{other}/") for _unused, other in places):
            yield f"secrets.{path}", "it is below another secret", "choose another place for one of them"
        yield from _misplaced(f"secrets.{path}", place, volumes, spec)


def _misplaced(path: str, place: str, volumes: Mapping[str, Mapping[str, Any]], spec: Spec) -> Said:
    inside = "write a relative path: it lies in HODEI_SECRETS_DIR"
    if is_inside(place):
        if place == DIRECTORY or place.removeprefix(f"{DIRECTORY}/").startswith(OURS):
            yield path, "this place is ours", "choose a name that does not begin with two dots"
        return
    around = max((one for one in volumes if f"{place}/".startswith(f"{one}/")), key=len, default="")
    laid = laid_over(place)
    if len(laid) > len(around):
        yield path, f"the Engine lays its own {laid} over it, so the worker would not find it", inside
    elif around and volumes[around].get("type", "empty") != "empty":
        yield path, f"it lies in volume {volumes[around]['name']}, which nothing can be put into", inside
    elif not around and spec.get("security", {}).get("read_only_root"):
        yield path, "the root file system is read-only, so nothing can lead there", inside


def _places(spec: Spec) -> list[tuple[str, str]]:
    """Return what lies in files, as the document says it and as the container has it."""
    written = [one.get("file") or one.get("volume") for one in spec.get("secrets", ())]
    return [(path, place_of(path)) for path in written if path]


def _is_secret(file: Mapping[str, Any]) -> bool:
    return names_secrets(file.get("content", ""))
