# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person may have meant by a field or a word that we don't have."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from .schema import Schema, fields

#: The last name of a field -> the paths of the groups that have such a field.
Index = Mapping[str, tuple[str, ...]]

#: What Compose, Kubernetes, Nomad and systemd call what we have under another name.
ELSEWHERE = {
    "environment": "env",
    "env_file": "env",
    "entrypoint": "command",
    "args": "command",
    "cmd": "command",
    "executable": "program",
    "binary": "program",
    "exec": "program",
    "replicas": "count",
    "scale": "count",
    "healthcheck": "health",
    "livenessprobe": "health",
    "readinessprobe": "health",
    "working_dir": "cwd",
    "workdir": "cwd",
    "workingdir": "cwd",
    "chdir": "cwd",
    "run_as": "user",
    "mem_limit": "resources.memory",
    "memory_limit": "resources.memory",
    "mem": "resources.memory",
    "cpus": "resources.cpu",
    "cpu_limit": "resources.cpu",
    "cores": "resources.cpu",
    "gpus": "resources.gpu",
    "disk": "resources.storage",
    "pids_limit": "resources.pids",
    "limits": "resources",
    "requests": "resources",
    "restart_policy": "restart",
    "cap_drop": "security.drop_capabilities",
    "cap_add": "security.add_capabilities",
    "securitycontext": "security",
    "security_opt": "security",
    "readonlyrootfilesystem": "security.read_only_root",
    "stop_grace_period": "lifecycle.grace",
    "stop_timeout": "lifecycle.grace",
    "terminationgraceperiodseconds": "lifecycle.grace",
    "containerport": "container",
    "container_port": "container",
    "target": "container",
    "hostport": "host",
    "host_port": "host",
    "published": "host",
    "mountpath": "path",
    "mount_path": "path",
    "destination": "path",
    "retries": "failures",
    "failurethreshold": "failures",
    "logging": "log",
    "after": "depends_on",
    "requires": "depends_on",
    "needs": "depends_on",
    "networks": "network",
    "mounts": "volumes",
}

#: The same for words.
WORDS_ELSEWHERE = {
    "running": "started",
    "present": "started",
    "up": "started",
    "exited": "stopped",
    "absent": "stopped",
    "suspended": "paused",
    "bind": "host",
    "hostpath": "host",
    "emptydir": "empty",
    "volume": "named",
    "no": "never",
    "unless-stopped": "always",
    "none": "complete",
}


def field_index(schema: Schema) -> Index:
    """Return, for every field name below a schema, the groups that have it; instances' overrides are left out."""
    found: dict[str, tuple[str, ...]] = {}
    for path, _schema, _required in fields(schema):
        parent, _unused, name = path.rpartition(".")
        if not parent.startswith("instances"):
            found[name] = (*found.get(name, ()), parent)
    return found


def field(name: str, path: tuple[Any, ...], siblings: Collection[str], index: Index) -> tuple[str, str]:
    """Guess what an unknown field was meant to be: (hint, the sibling's name or an empty text)."""
    here = _group(path)
    other = ELSEWHERE.get(name.lower().replace("-", "_"), "")
    if other and other == here:
        return f"write what is in it directly under '{here}'", ""
    if other in siblings:
        return f"did you mean {other}?", other
    number = next((one for one in (f"{name}s", name.removesuffix("s")) if one in siblings), "")
    if number:
        return f"did you mean {number}?", number
    parents = [parent for parent in index.get(name, ()) if parent != here]
    if parents:
        return f"it belongs {_places(parents)}", ""
    known = {sibling: sibling for sibling in siblings} | {old: new for old, new in ELSEWHERE.items() if new in siblings}
    close = difflib.get_close_matches(name.lower().replace("-", "_"), known, 1, 0.7)
    if close:
        return f"did you mean {known[close[0]]}?", known[close[0]]
    if other in index or ("." in other and index):
        return f"it is called {other} here", ""
    far = difflib.get_close_matches(name.lower(), index, 1, 0.85)
    if far:
        return f"did you mean {far[0]}? It belongs {_places(index[far[0]])}", ""
    return f"the fields here are {', '.join(sorted(siblings))}" if siblings else "", ""


def word(text: str, allowed: Collection[str]) -> str | None:
    """Guess which of the allowed words was meant."""
    low = text.lower()
    known = WORDS_ELSEWHERE.get(low)
    if known in allowed:
        return known
    close = difflib.get_close_matches(low.replace("-", "_"), allowed, 1, 0.6)
    return close[0] if close else None


def _group(path: tuple[Any, ...]) -> str:
    """The written group of a concrete path: ('ports', 0) -> `ports[]`."""
    text = ""
    for step in path:
        text += "[]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _places(parents: Collection[str]) -> str:
    names = [
        f"under '{parent}'" if parent else "at the top of the worker" for parent in list(dict.fromkeys(parents))[:3]
    ]
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
