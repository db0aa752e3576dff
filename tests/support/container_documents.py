# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents at random that an Engine can run: whatever the schema allows, made to fit one image and one machine."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import WORKER

from .schema_values import values

Worker = dict[str, Any]
Workers = list[Worker]

IDLE = ["/bin/sh", "-c", "trap exit TERM; while :; do sleep 600 & wait; done"]
#: What has its own turn elsewhere, or would have to be waited for: probes, jobs, other workers.
_APART = ("health", "instances", "count", "depends_on", "name", "provider", "network", "program", "init", "ports")
_STATES = ["stopped"] * 5 + ["started", "paused"]
_USERS = ["root", "nobody", "1000:1000", 0, 1000]


@st.composite
def container_workers(draw: st.DrawFn, names: list[str], image: str, sources: list[str]) -> Workers:
    """Draw as many workers as there are names; ``sources`` are directories of the Engine's machine."""
    return [container_worker(draw, name, image, sources) for name in names]


def container_worker(draw: st.DrawFn, name: str, image: str, sources: list[str]) -> Worker:
    """Draw one over the whole schema, and make it one that can be."""
    worker: Worker = {key: value for key, value in draw(values(WORKER)).items() if key not in _APART}
    worker |= {"name": name, "image": image, "command": [*IDLE, *worker.get("command", ())]}
    worker["state"] = draw(st.sampled_from(_STATES))
    worker["env_visible"] = sorted(worker.get("env", ()))[:1]
    worker["lifecycle"] = {"grace": "0s", **_of(worker.get("lifecycle", {}), "replace")}
    if draw(st.booleans()):
        worker["lifecycle"]["ttl"] = draw(st.sampled_from(["1h", "2d"]))
    worker["degrade"] = ["resources.storage", "resources.gpu", "security.apparmor", "security.selinux", "network"]
    if "user" in worker:
        worker["user"] = draw(st.sampled_from(_USERS))
    worker["volumes"] = [one for one in map(_volume(draw, sources), worker.get("volumes", ())) if one["path"]]
    worker["files"] = [one for one in map(_file(draw), worker.get("files", ())) if one["path"]]
    worker["resources"] = _resources(draw, worker.get("resources", {}))
    worker["security"] = _security(draw, worker.get("security", {}), worker.get("user", 0))
    if "log" in worker:
        worker["log"]["max_size"] = draw(st.sampled_from(["1Mi", "10M", 4096]))
    if worker["security"].get("read_only_root"):
        worker["volumes"] = [{"name": "conf", "path": "conf"}, *worker["volumes"]][:1]
        worker["files"] = [{**one, "path": f"conf/{one['path'].strip('/')}"} for one in worker["files"]]
    if not worker["files"]:
        worker.pop("reload", None)
    elif "reload" in worker:
        worker["reload"] = draw(st.sampled_from([{"signal": "SIGWINCH"}, {"command": ["true"]}]))
    if worker.get("cwd"):
        worker["cwd"] = draw(st.sampled_from(["/", "/tmp", "data", "."]))
    return worker


def _of(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names if name in found}


def _volume(draw: st.DrawFn, sources: list[str]) -> Any:
    def fitted(one: dict[str, Any]) -> dict[str, Any]:
        kind = one.get("type", "empty")
        found = {
            **_of(one, "name", "type", "read_only"),
            "path": draw(st.sampled_from(["data", "/srv/data", "/v/a b"])),
        }
        if kind == "host":
            found["source"] = draw(st.sampled_from(sources))
            found |= _of(one, "relabel")
        if kind == "named":
            found["source"] = draw(st.sampled_from(["hodei-random-1", "hodei-random-2"]))
        if kind in ("empty", "tmpfs") and "mode" in one:
            found["mode"] = draw(st.sampled_from(["0777", "1777"]))
        if kind == "tmpfs" and "size" in one:
            found["size"] = draw(st.sampled_from(["1Mi", 65536]))
        return found

    return fitted


def _file(draw: st.DrawFn) -> Any:
    def fitted(one: dict[str, Any]) -> dict[str, Any]:
        found = {name: value for name, value in one.items() if name != "template"}
        if "template" in one:
            found["content"] = one["template"]
        found["path"] = draw(st.sampled_from(["app.toml", "etc/app/x", "ünï", "/opt/a b", "/etc/app.d/y"]))
        if "owner" in one:
            found["owner"] = draw(st.sampled_from(_USERS))
        return found

    return fitted


def _resources(draw: st.DrawFn, found: dict[str, Any]) -> dict[str, Any]:
    limits = {
        "cpu": st.sampled_from(["500m", "0.5", 1, 0.01]),
        "memory": st.sampled_from(["64Mi", "0.5Gi", 1 << 26]),
        "pids": st.integers(20, 4000),
        "gpu": st.just(0),  # a machine without one starts no worker that wants one
        "ulimits": st.dictionaries(
            st.sampled_from(["nofile", "core"]),
            st.sampled_from([256, {"soft": 128, "hard": 256}, {"soft": 256, "hard": 256}]),
            max_size=2,
        ),
    }
    return {name: draw(limits[name]) if name in limits else value for name, value in found.items()}


def _security(draw: st.DrawFn, found: dict[str, Any], user: Any) -> dict[str, Any]:
    fitted = dict(found)
    if "seccomp" in fitted:
        fitted["seccomp"] = "unconfined"
    if fitted.get("non_root") and user in (0, "root"):
        del fitted["non_root"]
    for name in ("apparmor", "selinux"):
        if name in fitted and not fitted[name]:
            del fitted[name]
    return fitted
