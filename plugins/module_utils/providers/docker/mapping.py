# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request to what the Engine's API takes. Pure: no Engine, no clock.

The names are those of the API (https://docs.docker.com/engine/api/v1.41/, ContainerCreate).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...model.ports import CreateRequest
from ...model.worker import Spec
from ..references import expand_all, expand_env
from .records import first_labels, new_record

#: Ports inside a container whose number nobody wrote: each has a network of its own, so they may be the same everywhere.
_FIRST_PORT = 20000
_NANO = 1_000_000_000
_RESTART = {"never": "no", "on_failure": "on-failure", "always": "unless-stopped"}


class Settings(NamedTuple):
    """What of a provider's configuration reaches each container."""

    provider: str
    owner: str


def object_name(owner: str, slug: str, generation: int) -> str:
    """Name a container: deterministic, so that making it twice meets itself."""
    return f"{owner}.{slug}.{generation}"


def create_body(request: CreateRequest, settings: Settings, host_env: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a create."""
    spec = request.spec
    ports = container_ports(spec)
    env = environment(request, ports, host_env)
    wanted = limits(spec)
    record = new_record(request, settings.provider, ports, wanted)
    body: dict[str, Any] = {
        "Image": spec["image"],
        "Env": [f"{name}={value}" for name, value in env.items()],
        "Labels": {**{name: str(value) for name, value in spec.get("labels", {}).items()}, **first_labels(record)},
        "ExposedPorts": {port: {} for port in ports.values()},
        "HostConfig": _host(spec, ports, wanted),
        "WorkingDir": expand_all(spec.get("cwd", ""), env),
        "User": str(spec.get("user", "")),
    }
    if spec.get("program"):
        body["Entrypoint"] = [expand_all(spec["program"], env)]
    if spec.get("command"):
        body["Cmd"] = expand_all([str(word) for word in spec["command"]], env)
    check = healthcheck(spec.get("health") or {}, ports)
    if check:
        body["Healthcheck"] = expand_all(check, env)
    return body


def container_ports(spec: Spec) -> dict[str, str]:
    """Return by name what the worker listens on: ``8080/tcp``."""
    return {
        port["name"]: f"{port.get('container') or _FIRST_PORT + number}/{port.get('protocol', 'tcp')}"
        for number, port in enumerate(sorted(spec.get("ports", ()), key=lambda port: str(port["name"])))
    }


def is_published(port: Mapping[str, Any]) -> bool:
    """Tell whether a port is reached by one of the host."""
    return port.get("host") is not None or "host_range" in port


def environment(request: CreateRequest, ports: Mapping[str, str], host_env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a container; what is written wins over what comes from the host, and that over ours."""
    address, spec = request.address, request.spec
    base = {
        "WORKER_ID": address.slug,
        "WORKER_NAME": address.name,
        "WORKER_INDEX": str(address.key or 0),
        "HODEI_OWNER": request.labels.owner,
        **{f"HODEI_PORT_{name.upper().replace('-', '_')}": port.partition("/")[0] for name, port in ports.items()},
        **{name: host_env[name] for name in spec.get("env_from_host", ()) if name in host_env},
    }
    return expand_env({name: str(value) for name, value in spec.get("env", {}).items()}, base)


def limits(spec: Spec) -> dict[str, Any]:
    """Return what an Engine can change while a container lives: limits and the restart policy, in the API's own units."""
    resources, restart = spec.get("resources", {}), spec.get("restart", {})
    policy = _RESTART[restart.get("policy", "on_failure")]
    memory = int(resources.get("memory") or 0)
    return {
        "Memory": memory,
        "MemorySwap": memory,  # no swap beside it: the limit is what was written
        "NanoCpus": int(resources.get("cpu") or 0) * (_NANO // 1000),
        "PidsLimit": int(resources.get("pids") or 0),
        "RestartPolicy": {
            "Name": policy,
            "MaximumRetryCount": int(restart.get("max_retries") or 0) if policy == "on-failure" else 0,
        },
    }


def _host(spec: Spec, ports: Mapping[str, str], wanted: Mapping[str, Any]) -> dict[str, Any]:
    resources, security, log = spec.get("resources", {}), spec.get("security", {}), spec.get("log", {})
    options = ["no-new-privileges:true"] if security.get("no_new_privileges", True) else []
    bindings = {
        ports[port["name"]]: [
            {"HostIp": port.get("host_ip", ""), "HostPort": str(port.get("host_range") or port["host"] or "")}
        ]
        for port in spec.get("ports", ())
        if is_published(port)
    }
    return {
        **{name: value for name, value in wanted.items() if value},
        "PortBindings": bindings,
        "Mounts": [mount(one) for one in spec.get("volumes", ())],
        "Ulimits": [
            {"Name": name, "Soft": limit["soft"], "Hard": limit["hard"]}
            for name, limit in resources.get("ulimits", {}).items()
        ],
        "CapDrop": list(security.get("drop_capabilities", ())),
        "CapAdd": list(security.get("add_capabilities", ())),
        "SecurityOpt": options,
        "ReadonlyRootfs": security.get("read_only_root", False),
        "LogConfig": {
            "Type": "json-file",
            "Config": {"max-size": str(log.get("max_size", 10 << 20)), "max-file": str(log.get("max_files", 3))},
        },
        "Init": bool(spec.get("init", False)),
    }


def mount(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a volume as a mount."""
    kind = one.get("type", "empty")
    made: dict[str, Any] = {"Target": one["path"], "ReadOnly": one.get("read_only", False)}
    if kind == "host":
        return {**made, "Type": "bind", "Source": one["source"]}
    if kind == "tmpfs":
        options = {"SizeBytes": one["size"]} if one.get("size") else {}
        return {**made, "Type": "tmpfs", "TmpfsOptions": {**options, "Mode": int(one.get("mode", "0755"), 8)}}
    # One without a source is anonymous, and goes with its container.
    return {**made, "Type": "volume", **({"Source": one.get("source") or one["name"]} if kind == "named" else {})}


def healthcheck(check: Mapping[str, Any], ports: Mapping[str, str]) -> dict[str, Any]:
    """Return a health check for the Engine, which runs it inside the container; empty when there is none."""
    timeout = float(check.get("timeout") or 1.0)
    if check.get("command"):
        test = ["CMD", *map(str, check["command"])]
    elif check.get("http"):
        test = ["CMD-SHELL", _http_test(check["http"], ports, timeout)]
    elif check.get("tcp"):
        test = ["CMD-SHELL", _tcp_test(_number(check["tcp"]["port"], ports), max(1, round(timeout)))]
    else:
        return {}
    return {
        "Test": test,
        "Interval": int(float(check.get("interval") or 10.0) * _NANO),
        "Timeout": int(timeout * _NANO),
        "Retries": check.get("failures") or 3,
        "StartPeriod": int(float(check.get("start_period") or 0.0) * _NANO),
    }


def _http_test(http: Mapping[str, Any], ports: Mapping[str, str], timeout: float) -> str:
    """Ask by whichever of curl and wget the image has, and judge the status."""
    scheme, host = http.get("scheme", "http"), http.get("host") or "127.0.0.1"
    url = shlex.quote(f"{scheme}://{host}:{_number(http['port'], ports)}{http.get('path', '/')}")
    insecure = " -k" if not http.get("verify", True) else ""
    unchecked = " --no-check-certificate" if insecure else ""
    seconds = max(1, round(timeout))
    wanted = http.get("status")
    accept = "|".join(map(str, [wanted] if isinstance(wanted, int) else wanted)) if wanted else "2??|3??"
    return (
        f"if command -v curl >/dev/null; then s=$(curl -s -o /dev/null -m {seconds}{insecure} -w '%{{http_code}}' {url}); "
        f"else s=$(wget -S -q -O /dev/null -T {seconds}{unchecked} {url} 2>&1 "
        "| sed -n 's/^ *HTTP[^ ]* \\([0-9]*\\).*/\\1/p' | tail -n 1); fi; "
        f'case "$s" in {accept}) ;; *) echo "it answers with status ${{s:-none}}"; exit 1;; esac'
    )


def _tcp_test(port: str, seconds: int) -> str:
    """Connect by whichever nc the image has: that of busybox knows no -z."""
    there = f"-w {seconds} 127.0.0.1 {port}"
    return f"if nc -h 2>&1 | grep -q -e -z; then nc -z {there}; else nc {there} </dev/null >/dev/null; fi"


def _number(port: int | str, ports: Mapping[str, str]) -> str:
    return ports[str(port)].partition("/")[0] if str(port) in ports else str(port)


def without_values(text: str, env: Sequence[str]) -> str:
    """Return a text in which no value of an environment (``NAME=value``) can be read; ours are no secret."""
    values = {one.partition("=")[2] for one in env if not one.startswith(("PATH=", "WORKER_", "HODEI_"))}
    for value in sorted(filter(None, values), key=len, reverse=True):
        text = text.replace(value, "***")
    return text
