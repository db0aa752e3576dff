# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents at random that this machine can run as processes: real commands, with whatever the process provider carries."""

from __future__ import annotations

import base64
import os
import sys
from typing import Any

from hypothesis import strategies as st

Worker = dict[str, Any]
Workers = list[Worker]

#: Says what it was given, and does nothing; told by SIGHUP it says so.
IDLE = "trap 'echo reloaded' HUP; echo began; while :; do sleep 600 & wait; done"
#: The same, and answers HTTP on each of its TCP ports.
SERVE = """
import os, selectors, signal, socket
signal.signal(signal.SIGHUP, lambda *_given: print("reloaded", flush=True))
print("began", flush=True)
ports = selectors.DefaultSelector()
for name in os.environ:
    if name.startswith("HODEI_PORT_"):
        server = socket.create_server(("", int(os.environ[name])), backlog=50)
        ports.register(server, selectors.EVENT_READ)
while True:
    for key, _events in ports.select():
        with key.fileobj.accept()[0] as connection:
            try:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
            except OSError:
                pass
"""
#: A word of a command or an environment -> what the worker finds, where that differs: `$(HOME)` and its like are looked up.
ESCAPED = {"$$(HOME)": "$(HOME)", "$(NOWHERE)": "$(NOWHERE)"}
WORDS = [
    *("", "a b", "ünï", "--flag=1", "'\"`", "{{ x }}", "yes", "1e3", " ends with spaces  ", "tab\tline\n", "x" * 5000),
    *("$(HOME)", "$(WORKER_ID)", "$(WORKER_INDEX)", "$$", *ESCAPED),
]
TEXTS = ["", "hello\n", "ünï", "{{ x }}", "$(HOME)", "no: yaml\n- at all\n", "x" * 20_000, "\r\n"]
ROOT = os.geteuid() == 0
MAYBE = st.sampled_from([True, False, False])
HOST_ENV = {"HOST_A": "from the host", "HOST_B": "ünï"}


def process_workers(names: str, sources: list[str], ports: list[int]) -> st.SearchStrategy[Workers]:
    """Workers of a document; ``sources`` are directories of the host, ``ports`` are free, one for each worker."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Workers:
        found: Workers = []
        for index, name in enumerate(names[: draw(st.integers(1, len(names)))]):
            worker = process_worker(draw, name, sources, ports[index])
            depends = draw(st.booleans())
            if found and depends:
                worker["depends_on"] = [draw(st.sampled_from([one["name"] for one in found]))]
            found.append(worker)
        return found

    return drawn()


def process_worker(draw: st.DrawFn, name: str, sources: list[str], port: int) -> Worker:
    """Draw one worker."""

    def one(*choices: Any) -> Any:
        return draw(st.sampled_from(choices))

    worker: Worker = {"name": name}
    count = one(None, None, None, 0, 1, 2)
    user = one(None, "nobody", 65534, "nobody:nogroup") if ROOT and draw(MAYBE) else None
    volumes = draw(st.lists(_volume(sources), max_size=2, unique_by=(lambda v: v["name"], lambda v: v["path"])))
    links = [v["path"] for v in volumes if v.get("type", "empty") != "empty"]
    parts = {
        "count": st.just(count),
        "user": st.just(user),
        "volumes": st.just(volumes),
        "state": st.sampled_from(["started", "started", "started", "stopped", "paused"]),
        "env": st.dictionaries(
            st.sampled_from(["A", "_x", "LOG_LEVEL", "a.b"]), st.sampled_from([*WORDS, 0, 420]), max_size=3
        ),
        "env_from_host": st.lists(st.sampled_from([*HOST_ENV, "HOST_NONE", "A"]), unique=True),
        "labels": st.dictionaries(
            st.sampled_from(["team", "example.org/x"]), st.sampled_from(["", "ci", 7]), max_size=2
        ),
        "cwd": st.sampled_from(["/", "$(HOME)", ".", *(v["path"] for v in volumes if v["path"] not in links)]),
        "ports": _ports(port if count is None else 0),
        "files": st.lists(_file(links), max_size=3, unique_by=lambda file: file["path"]),
        "restart": st.sampled_from(
            ["never", "always", {"backoff": {"initial": "0s", "max": "1s"}}, {"max_retries": 3, "policy": "on_failure"}]
        ),
        "log": st.fixed_dictionaries(
            {}, optional={"max_size": st.sampled_from(["1Mi", 4096]), "max_files": st.integers(1, 5)}
        ),
        "resources": _resources(),
        "security": _security(user),
        "lifecycle": _lifecycle(),
    }
    worker |= {
        field: value
        for field, strategy in parts.items()
        if (value := draw(strategy) if draw(st.booleans()) else None) is not None
    }
    if not worker.keys() & {"user"}:
        worker.get("security", {}).pop("non_root", None)
    for entry in worker.get("ports", ()) if "user" in worker else ():
        entry["protocol"] = "udp"  # another user may not be able to run our Python
    tcp = [one["name"] for one in worker.get("ports", ()) if one.get("protocol", "tcp") == "tcp"]
    worker |= _program(draw, tcp)
    if draw(MAYBE):
        worker["health"] = draw(_health(tcp))
    if worker.get("files") and draw(st.booleans()):
        worker["reload"] = one({"signal": "SIGHUP"}, {"command": ["/bin/sh", "-c", "echo told"], "timeout": "60s"})
    if worker.get("env") and draw(MAYBE):
        worker["env_visible"] = [sorted(worker["env"])[0]]
    if worker.get("count") and draw(MAYBE):
        own = {"env": {"OWN": one(*WORDS)}, "labels": {"own": "1"}, "state": one("started", "stopped"), "cwd": "/"}
        worker["instances"] = {"0": {field: own[field] for field in draw(st.sets(st.sampled_from(sorted(own))))}}
    if draw(MAYBE):
        worker |= {"network": {"type": one("public", "private")}, "degrade": ["network"]}
    if "cwd" in worker and worker["cwd"] not in ("/", "$(HOME)", ".") and "volumes" not in worker:
        del worker["cwd"]
    return worker


def _program(draw: st.DrawFn, tcp: list[str]) -> Worker:
    words = draw(st.lists(st.sampled_from(WORDS), max_size=3))
    start = [sys.executable, "-ISc", SERVE] if tcp else ["/bin/sh", "-c", IDLE]
    if draw(st.booleans()):
        return {"program": start[0], "command": [*start[1:], *words]}
    return {"command": [*start, *words]}


@st.composite
def _volume(draw: st.DrawFn, sources: list[str]) -> dict[str, Any]:
    kind = draw(st.sampled_from(["empty", "empty", "named", "host"]))
    found: dict[str, Any] = {
        "name": draw(st.sampled_from(["data", "cache"])),
        "path": draw(st.sampled_from(["data", "var/lib", "ünï"])),
    }
    if kind != "empty" or draw(st.booleans()):
        found["type"] = kind
    if kind == "host":
        found["source"] = draw(st.sampled_from(sources))
    if kind == "named" and draw(st.booleans()):
        found["source"] = draw(st.sampled_from(["kept", "other"]))
    if kind == "empty" and draw(MAYBE):
        found["mode"] = draw(st.sampled_from(["0700", "0755", "1777"]))
    return found


@st.composite
def _ports(draw: st.DrawFn, free: int) -> list[dict[str, Any]]:
    names = draw(st.lists(st.sampled_from(["http", "x-y"]), unique=True, min_size=1))
    found: list[dict[str, Any]] = [{"name": name} for name in names]
    for one in found:
        if draw(MAYBE):
            one["protocol"] = draw(st.sampled_from(["tcp", "udp"]))
    if free and draw(MAYBE):
        found[0]["host"] = free
    return found


@st.composite
def _file(draw: st.DrawFn, links: list[str]) -> dict[str, Any]:
    paths = ["app.conf", "etc/app/app.toml", "ünï.txt", "a b", "data/in.txt"]
    found = {"path": draw(st.sampled_from([path for path in paths if path.partition("/")[0] not in links]))}
    if draw(MAYBE):
        data = draw(st.sampled_from([b"", b"hello", b"\xff\xfe\0", bytes(range(256))]))
        found["content_base64"] = base64.b64encode(data).decode()
    else:
        found["content"] = draw(st.sampled_from(TEXTS))
    if draw(MAYBE):
        found["mode"] = draw(st.sampled_from(["0644", "0600", "0400", "755"]))
    if ROOT and draw(MAYBE):
        found["owner"] = draw(st.sampled_from(["root", "nobody", "0:65534"]))
    return found


def _resources() -> st.SearchStrategy[dict[str, Any]]:
    limits = [256, {"soft": 128, "hard": 256}, {"soft": 256, "hard": 256}]
    ulimits = st.dictionaries(st.sampled_from(["nofile", "core"]), st.sampled_from(limits), max_size=2)
    return st.fixed_dictionaries(
        {}, optional={"memory": st.sampled_from(["256Mi", "0.5Gi", 1 << 29]), "ulimits": ulimits}
    )


def _security(user: Any) -> st.SearchStrategy[dict[str, Any]]:
    optional: dict[str, Any] = {"no_new_privileges": st.booleans()}
    if ROOT:
        drops = [["NET_ADMIN"], ["CAP_SYS_TIME", "net_raw"]]
        # Who has no capability left may not read what is somebody else's, its own directory included.
        optional["drop_capabilities"] = st.sampled_from(drops)
    if user is not None:
        optional["non_root"] = st.booleans()
    return st.fixed_dictionaries({}, optional=optional)


@st.composite
def _health(draw: st.DrawFn, tcp: list[str]) -> dict[str, Any]:
    mark = draw(st.sampled_from(["one", "two"]))
    ways: list[dict[str, Any]] = [{"command": ["/bin/sh", "-c", f': > "$HOME/.probed-{mark}"']}]
    if tcp:
        ways += [
            {"tcp": {"port": tcp[0]}},
            {"http": {"port": tcp[0]}},
            {"http": {"port": tcp[0], "path": "/x?y=z", "status": 200}},
        ]
    timing = {"timeout": "20s", "interval": draw(st.sampled_from(["100ms", 0.2])), "failures": draw(st.integers(2, 3))}
    timing |= {"start_period": "20s"}  # a busy machine takes its time to start a program
    return {**draw(st.sampled_from(ways)), **timing}


def _lifecycle() -> st.SearchStrategy[dict[str, Any]]:
    idle = {"busy": {"command": ["/bin/false"]}, "interval": "50ms"}
    drains = [
        idle,
        {**idle, "signal": "SIGWINCH"},
        {**idle, "command": ["/bin/true"], "timeout": "5m"},
        {"signal": "SIGTERM"},
        {"busy": {"command": ["/bin/true"]}, "interval": "10ms", "timeout": "30ms", "on_timeout": "kill"},
    ]
    return st.fixed_dictionaries(
        {},
        optional={
            "grace": st.sampled_from(["0s", "30s", 20]),
            "ttl": st.sampled_from(["1h", "2d"]),
            "replace": st.sampled_from(["destroy_before_create", "create_before_destroy"]),
            "drain": st.sampled_from(drains),
            "ignore_changes": st.sampled_from([["labels"], ["log.max_files", "labels.team"]]),
            "on_remove": st.just("destroy"),
        },
    )
