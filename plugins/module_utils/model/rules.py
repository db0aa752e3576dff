# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker may not say although each of its fields is valid by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .errors import Problem
from .mounts import WAYS
from .place import Place
from .quantities import show_size
from .schema import schema_at
from .schema_worker import MOST_FILE_BYTES, WORKER

Said = Iterator[tuple[tuple[Any, ...], str, str]]

#: Less memory than this starts nothing; a bare number was meant as mebibytes.
LEAST_MEMORY = 4 << 20
MOST_NAME_BYTES = 255  # of a file, wherever workers run
OUR_VARIABLES = ("WORKER_ID", "WORKER_NAME", "WORKER_INDEX")


def worker_problems(worker: Mapping[str, Any], place: Place) -> list[Problem]:
    """Return what is wrong with one worker in normal form."""
    found = []
    for rule in _RULES:
        for path, message, hint in rule(worker):
            found.append(Problem(place.under(path), message, hint, place.source))
    return found


def _what_runs(worker: Mapping[str, Any]) -> Said:
    if "image" not in worker and "program" not in worker and not worker.get("command"):
        yield (), "there is nothing to run", "give an image, a program or a command"


def _env(worker: Mapping[str, Any]) -> Said:
    for name in worker.get("env", ()):
        if name.startswith("HODEI_") or name in OUR_VARIABLES:
            yield ("env", name), "this variable is set for every worker and cannot be given", "choose another name"


def _env_visible(worker: Mapping[str, Any]) -> Said:
    visible = worker.get("env_visible")
    if not visible:
        return
    known = set(worker.get("env", ())).union(*(one.get("env", ()) for one in worker.get("instances", {}).values()))
    for name in visible:
        if name not in known:
            yield ("env_visible",), f"env has no '{name}'", _close(name, known)


def _ports(worker: Mapping[str, Any]) -> Said:
    ports = worker.get("ports", ())
    for number, port in enumerate(ports):
        if "host" in port and "host_range" in port:
            yield ("ports", str(number)), "host and host_range are one too many", "remove one of them"
    if len(ports) > 1:
        yield from _twice("ports", "name", (port["name"] for port in ports))
        pairs = [
            f"{port['host']}/{port.get('protocol', 'tcp')}{port.get('host_ip', '')}"
            for port in ports
            if port.get("host")
        ]
        yield from _twice("ports", "host port", pairs)


def _health_port(worker: Mapping[str, Any]) -> Said:
    health = worker.get("health", {})
    for kind in ("http", "tcp"):
        yield from _unknown_port(worker, ("health", kind, "port"), health.get(kind, {}).get("port"))


def _unknown_port(worker: Mapping[str, Any], place: tuple[str, ...], port: Any) -> Said:
    known = [one["name"] for one in worker.get("ports", ())]
    if isinstance(port, str) and port not in known:
        hint = (
            _close(port, known) or f"write one of {', '.join(known)}"
            if known
            else "name it in ports, or write its number"
        )
        yield place, f"no port of this worker is called '{port}'", hint


def _drain(worker: Mapping[str, Any]) -> Said:
    drain, place = worker.get("lifecycle", {}).get("drain"), ("lifecycle", "drain")
    if drain is None:
        return
    telling = [name for name in ("command", "http", "signal") if name in drain]
    if len(telling) > 1:
        yield place, f"{' and '.join(telling)} cannot be given together", "keep the one that the worker understands"
    if not telling and "busy" not in drain:
        yield (
            place,
            "there is nothing to drain by",
            "say how to tell the worker (command, http or signal), or how to ask whether it works (busy), or both",
        )
    for path, asked in ((("http",), drain), (("busy", "http"), drain.get("busy", {}))):
        yield from _unknown_port(worker, (*place, *path, "port"), asked.get("http", {}).get("port"))


def _volumes(worker: Mapping[str, Any]) -> Said:
    volumes = worker.get("volumes", ())
    if len(volumes) > 1:
        yield from _twice("volumes", "name", (volume["name"] for volume in volumes))
        yield from _twice("volumes", "path", (volume["path"].rstrip("/") for volume in volumes))
    for volume in volumes:
        kind, place = volume.get("type", "empty"), ("volumes", volume["name"])
        if kind == "host" and not volume.get("source", "").startswith("/"):
            yield place, "a host volume needs its directory", "give source: with an absolute path"
        if kind in ("empty", "tmpfs") and "source" in volume:
            yield place, f"a volume of type {kind} has no source", "write type: host or type: named, or remove source"
        if kind != "host" and "relabel" in volume:
            yield place, f"a volume of type {kind} has the label of its worker", "remove relabel"
        if kind in ("host", "named") and "mode" in volume:
            yield place, f"the mode of a volume of type {kind} is not ours to set", "remove mode"


def _files(worker: Mapping[str, Any]) -> Said:
    files = worker.get("files")
    if not files:
        return
    paths = [file["path"] for file in files]
    yield from _twice("files", "path", paths)
    for file in files:
        path, place = file["path"], ("files", file["path"] or "''")
        if not path.strip("/"):
            yield place, "a file needs a path", "write one, such as config.toml"
        if ".." in path.split("/"):
            yield place, "a file lies inside the worker's own directory", "remove .. from its path"
        if any(other.startswith(f"{path}/") for other in paths):
            yield place, "it is a file, and the directory of another one", "rename one of them"
        if "template" in file:
            hint = "run the module as a task: its action plugin renders templates on the controller"
            yield place, "the template was not rendered", hint
    size = sum(map(_size, files))
    if size > MOST_FILE_BYTES:
        largest = max(files, key=_size)["path"]
        yield (
            ("files",),
            f"the files of this worker hold {size / (1 << 20):.1f}Mi together, the most is {show_size(MOST_FILE_BYTES)}",
            f"the largest is {largest}; put large data into a volume of type host, or fetch it in the worker",
        )


def _secrets(worker: Mapping[str, Any]) -> Said:
    secrets = worker.get("secrets")
    if not secrets:
        return
    given = {way: [entry[way] for entry in secrets if way in entry] for way in WAYS}
    for way, places in given.items():
        yield from _twice("secrets", way, places)
    for name in given["env"]:
        if name in worker.get("env", ()):
            yield ("env", name), "a secret is given as this variable, too", "remove one of them"
        if name.startswith("HODEI_") or name in OUR_VARIABLES:
            yield ("secrets", name), "this variable is set for every worker and cannot be given", "choose another name"
    lying = [*given["file"], *given["volume"]]
    for path in lying:
        if not all(map(_is_name, path.removeprefix("/").removesuffix("/").split("/"))):
            yield (
                ("secrets", path or "''"),
                "this is no place inside of the secrets' directory",
                "write one, such as db.key",
            )
        if any(other.startswith(f"{path.rstrip('/')}/") for other in lying if other != path):
            yield ("secrets", path), "it is the directory of another secret", "rename one of them"


def _is_name(part: str) -> bool:
    """Tell whether a part of a path can be the name of a file or directory on any system that has workers."""
    return part not in ("", ".", "..") and len(part.encode(errors="replace")) <= MOST_NAME_BYTES and part.isprintable()


def _size(file: Mapping[str, str]) -> int:
    """Return how many bytes a file holds; what is written in base64 is a little less than this."""
    if "content" in file:
        return len(file["content"].encode())
    return len(file.get("content_base64", "")) * 3 // 4


def _reload(worker: Mapping[str, Any]) -> Said:
    if "reload" in worker and not any(map(_has_files, (worker, *worker.get("instances", {}).values()))):
        yield ("reload",), "there are no files whose change could be told", "add files or secrets, or remove reload"


def _has_files(worker: Mapping[str, Any]) -> bool:
    return bool(worker.get("files")) or any("env" not in entry for entry in worker.get("secrets", ()))


def _resources(worker: Mapping[str, Any]) -> Said:
    resources = worker.get("resources")
    if not resources:
        return
    memory = resources.get("memory")
    if memory is not None and memory < LEAST_MEMORY:
        shown = f"{memory} bytes" if memory < 1 << 10 else show_size(memory)
        hint = f"did you mean {memory}Mi?" if 0 < memory < 1 << 20 else f"the least is {show_size(LEAST_MEMORY)}"
        yield ("resources", "memory"), f"nothing starts with {shown} of memory", hint
    for name, limit in resources.get("ulimits", {}).items():
        if limit["hard"] != -1 and (limit["soft"] == -1 or limit["soft"] > limit["hard"]):
            yield ("resources", "ulimits", name), "the soft limit is above the hard one", "raise hard, or lower soft"


def _restart(worker: Mapping[str, Any]) -> Said:
    backoff = worker.get("restart", {}).get("backoff")
    if backoff and backoff.get("initial", 1.0) > backoff.get("max", 60.0):
        yield ("restart", "backoff"), "the first wait is longer than the longest", "raise max, or lower initial"


def _network(worker: Mapping[str, Any]) -> Said:
    network = worker.get("network", {})
    isolation = network.get("isolation", "default")
    if network.get("allow") and isolation != "strict":
        why = "allows nothing at all" if isolation == "complete" else "already allows everything"
        yield ("network", "allow"), f"isolation {isolation} {why}", "write isolation: strict, or remove allow"


def _field_paths(worker: Mapping[str, Any]) -> Said:
    yield from _no_fields(("degrade",), worker.get("degrade", ()))
    ignored = worker.get("lifecycle", {}).get("ignore_changes", ())
    yield from _no_fields(("lifecycle", "ignore_changes"), (one for one in ignored if not _is_place(one)))


def _is_place(path: str) -> bool:
    """Tell whether a path is about one file or secret, as plans name it (`files.etc/app.toml`): the user's own names follow."""
    return any(path.startswith(one) and path != one for one in ("files.", *(f"secrets.{way}." for way in WAYS)))


def _no_fields(place: tuple[str, ...], paths: Iterable[str]) -> Said:
    for path in paths:
        if schema_at(WORKER, path) is None or not path:
            from .guess import field_index

            name = path.rpartition(".")[2]
            parents = (one for one in field_index(WORKER).get(name, ()) if "[]" not in one)
            full = [f"{parent}.{name}" if parent else name for parent in parents]
            yield (
                place,
                f"'{path}' is not a field of a worker",
                f"did you mean {full[0]}?" if full else _close(path, WORKER["properties"]),
            )


def _instances(worker: Mapping[str, Any]) -> Said:
    overrides = worker.get("instances")
    if not overrides:
        return
    count = worker.get("count")
    if count is None:
        yield ("instances",), "only a worker with count has instances", "add count"
        return
    for index in overrides:
        if int(index) >= count:
            last = f"the last is {count - 1}" if count else "there are none"
            yield (
                ("instances", int(index)),
                f"there is no instance {index} with count: {count}",
                f"{last}; raise count, or remove this",
            )


def _twice(field: str, what: str, values: Iterable[str]) -> Said:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            yield (field,), f"the {what} '{value}' is there twice", f"give each its own {what}"
        seen.add(value)


def _close(name: str, known: Iterable[str]) -> str:
    import difflib

    found = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean {found[0]}?" if found else ""


_RULES: tuple[Callable[[Mapping[str, Any]], Said], ...] = (
    _what_runs,
    _env,
    _env_visible,
    _ports,
    _health_port,
    _drain,
    _volumes,
    _files,
    _secrets,
    _reload,
    _resources,
    _restart,
    _network,
    _field_paths,
    _instances,
)
