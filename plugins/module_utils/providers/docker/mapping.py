# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request to what the Engine's API takes. Pure: no Engine, no clock.

The names are those of the API (https://docs.docker.com/engine/api/v1.41/, ContainerCreate).
"""

from __future__ import annotations

import base64
import hmac
import posixpath
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...model.ports import CreateRequest
from ...model.worker import Spec
from ..references import expand_all, expand_env
from .limits import limits
from .records import first_labels, new_record
from .secret_layout import DIRECTORY, in_files, variables

#: Ports inside a container whose number nobody wrote: each has a network of its own, so they may be the same everywhere.
_FIRST_PORT = 20000
_NANO = 1_000_000_000
#: Label of a named volume that was made for a worker: it outlives that, so it is not the owner's like what goes with a container.
NAMED = "hodei.volume-of"
#: Label of a container that never runs and is gone when what it was made for is done, unless its maker was killed.
HELPER = "hodei.helper-of"


class Settings(NamedTuple):
    """What of a provider's configuration reaches each container."""

    provider: str
    owner: str
    log_driver: str = "json-file"


def object_name(owner: str, slug: str, generation: int) -> str:
    """Name a container: deterministic, so that making it twice meets itself."""
    return f"{owner}.{slug}.{generation}"


def create_body(
    request: CreateRequest, settings: Settings, host_env: Mapping[str, str], home: str = "/", profile: str = ""
) -> dict[str, Any]:
    """Return the body of a create; ``home`` is where relative paths start, ``profile`` what a seccomp file holds."""
    spec = request.spec
    ports = container_ports(spec)
    env = environment(request, ports, host_env, home)
    wanted = limits(spec)
    record = new_record(request, settings.provider, ports, wanted)
    body: dict[str, Any] = {
        "Image": spec["image"],
        "Env": [*(f"{name}={value}" for name, value in env.items()), *variables(request.secrets)],
        "Labels": {**{name: str(value) for name, value in spec.get("labels", {}).items()}, **first_labels(record)},
        "ExposedPorts": {port: {} for port in ports.values()},
        "HostConfig": _host(request, settings, ports, wanted, home, profile),
        "WorkingDir": absolute(expand_all(spec["cwd"], env), home) if spec.get("cwd") else "",
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


def absolute(path: str, home: str) -> str:
    """Return where a path of the document is in the container."""
    return posixpath.normpath(posixpath.join(home, path))


def needs_home(spec: Spec) -> bool:
    """Tell whether a spec has paths that are relative to the image's working directory."""
    paths = [spec.get("cwd") or "/", *(one["path"] for field in ("files", "volumes") for one in spec.get(field, ()))]
    return not all(path.startswith("/") for path in paths)


def environment(
    request: CreateRequest, ports: Mapping[str, str], host_env: Mapping[str, str], home: str = "/"
) -> dict[str, str]:
    """Return the variables of a container; what is written wins over what comes from the host, and that over ours."""
    address, spec = request.address, request.spec
    base = {
        "WORKER_ID": address.slug,
        "WORKER_NAME": address.name,
        "WORKER_INDEX": str(address.key or 0),
        "HODEI_OWNER": request.labels.owner,
        **({"HODEI_SECRETS_DIR": DIRECTORY} if in_files(request.secrets) else {}),
        **{f"HODEI_PORT_{_upper(name)}": port.partition("/")[0] for name, port in ports.items()},
        **{f"HODEI_VOLUME_{_upper(one['name'])}": absolute(one["path"], home) for one in spec.get("volumes", ())},
        **{name: host_env[name] for name in spec.get("env_from_host", ()) if name in host_env},
    }
    return expand_env({name: str(value) for name, value in spec.get("env", {}).items()}, base)


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")


def _host(
    request: CreateRequest,
    settings: Settings,
    ports: Mapping[str, str],
    wanted: Mapping[str, Any],
    home: str,
    profile: str,
) -> dict[str, Any]:
    spec = request.spec
    resources, security = spec.get("resources", {}), spec.get("security", {})
    bindings = {
        ports[port["name"]]: [
            {"HostIp": port.get("host_ip", ""), "HostPort": str(port.get("host_range") or port["host"] or "")}
        ]
        for port in spec.get("ports", ())
        if is_published(port)
    }
    volumes = spec.get("volumes", ())
    user = str(spec.get("user", ""))
    return {
        **{name: value for name, value in wanted.items() if value},
        "PidsLimit": wanted["PidsLimit"],  # left out, Podman has a limit of its own
        "PortBindings": bindings,
        "Mounts": [
            mount(one, settings.owner, home) for one in volumes if not _is_bind(one) and one.get("type") != "tmpfs"
        ],
        "Binds": [bind(one, home) for one in volumes if _is_bind(one)],
        "Tmpfs": {absolute(one["path"], home): tmpfs(one, user) for one in volumes if one.get("type") == "tmpfs"},
        "Ulimits": [
            {"Name": name, "Soft": limit["soft"], "Hard": limit["hard"]}
            for name, limit in resources.get("ulimits", {}).items()
        ],
        "CapDrop": list(security.get("drop_capabilities", ())),
        "CapAdd": list(security.get("add_capabilities", ())),
        "SecurityOpt": security_options(security, profile),
        "ReadonlyRootfs": security.get("read_only_root", False),
        "LogConfig": log_config(spec.get("log", {}), settings.log_driver),
        "Init": bool(spec.get("init", False)),
        **({"StorageOpt": {"size": str(resources["storage"])}} if resources.get("storage") else {}),
        **(
            {"DeviceRequests": [{"Count": resources["gpu"], "Capabilities": [["gpu"]]}]} if resources.get("gpu") else {}
        ),
    }


def security_options(security: Mapping[str, Any], profile: str) -> list[str]:
    """Return the options that are no flags; a seccomp profile goes as the JSON that its file holds."""
    seccomp, selinux = security.get("seccomp"), security.get("selinux", {})
    return [
        *(["no-new-privileges:true"] if security.get("no_new_privileges", True) else []),
        *([f"seccomp={profile or seccomp}"] if seccomp else []),
        *([f"apparmor={security['apparmor']}"] if security.get("apparmor") else []),
        *(f"label={name}:{selinux[name]}" for name in ("user", "role", "type", "level") if selinux.get(name)),
    ]


def log_config(log: Mapping[str, Any], driver: str) -> dict[str, Any]:
    """Return who keeps the output, and how much of it."""
    options = {"max-size": str(log.get("max_size", 10 << 20)), "max-file": str(log.get("max_files", 3))}
    # Of a single file nothing can be compressed, which `local` does unless it is told.
    return {"Type": driver, "Config": {**options, **({"compress": "false"} if driver == "local" else {})}}


def mount(one: Mapping[str, Any], owner: str, home: str) -> dict[str, Any]:
    """Return a volume as a mount. A directory of the host has to be there: the Engine makes none."""
    kind = one.get("type", "empty")
    made = {"Target": absolute(one["path"], home), "ReadOnly": one.get("read_only", False)}
    if kind == "host":
        return {**made, "Type": "bind", "Source": one["source"]}
    if kind == "named":
        labels = {"VolumeOptions": {"Labels": {NAMED: owner}}}
        return {**made, "Type": "volume", "Source": engine_name(one), **labels}
    return {**made, "Type": "volume"}  # one without a source is anonymous, and goes with its container


def engine_name(one: Mapping[str, Any]) -> str:
    """Return what the Engine calls a named volume."""
    return str(one.get("source") or one["name"])


def tmpfs(one: Mapping[str, Any], user: str) -> str:
    """Return a volume in memory as mount(8) has it: everybody's, unless a mode says otherwise."""
    uid, _unused, gid = user.partition(":")
    options = {"size": one.get("size"), "mode": one.get("mode")}
    if "mode" in one and uid.isdigit():
        options |= {"uid": uid, "gid": gid if gid.isdigit() else None}
    words = [f"{name}={value}" for name, value in options.items() if value]
    return ",".join([*words, *(["ro"] if one.get("read_only") else [])])


def bind(one: Mapping[str, Any], home: str) -> str:
    """Return a directory of the host that gets an SELinux label, which a mount of the API cannot have."""
    options = [{"shared": "z", "private": "Z"}[one["relabel"]], *(["ro"] if one.get("read_only") else [])]
    return f"{one['source']}:{absolute(one['path'], home)}:{','.join(options)}"


def _is_bind(one: Mapping[str, Any]) -> bool:
    return one.get("type") == "host" and bool(one.get("relabel"))


def volume_targets(container: Mapping[str, Any]) -> list[str]:
    """Return where in a container something lies that the Engine may write to although its root is read-only."""
    return [one["Destination"] for one in container.get("Mounts", ()) if one.get("RW") and one["Type"] != "tmpfs"]


def content(file: Mapping[str, Any]) -> bytes:
    """Return what a file of a spec holds."""
    text = file.get("content")
    return str(text).encode() if text is not None else base64.b64decode(file["content_base64"])


def mac(container: str, data: bytes) -> str:
    """Return a digest of what a file holds that tells nothing beside other containers' digests."""
    return hmac.digest(container.encode(), data, "sha256").hex()


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
    """Ask, and judge the status."""
    wanted = http.get("status")
    accept = "|".join(map(str, [wanted] if isinstance(wanted, int) else wanted)) if wanted else "2??|3??"
    return (
        f"s=$({status_script(http, ports, timeout)}); "
        f'case "$s" in {accept}) ;; *) echo "it answers with status ${{s:-none}}"; exit 1;; esac'
    )


def status_script(http: Mapping[str, Any], ports: Mapping[str, str], timeout: float, method: str = "GET") -> str:
    """Write a script that sends a request by whichever of curl and wget the image has, and prints the status of the answer.

    wget gets no `-T`: whoever runs the script ends one that takes too long, and the busybox of Debian 12 crashes on it.
    """
    scheme, host = http.get("scheme", "http"), http.get("host") or "127.0.0.1"
    url = shlex.quote(f"{scheme}://{host}:{_number(http['port'], ports)}{http.get('path', '/')}")
    insecure = " -k" if not http.get("verify", True) else ""
    unchecked = " --no-check-certificate" if insecure else ""
    seconds = max(1, round(timeout))
    how, post = (f" -X {method}", " --post-data=") if method != "GET" else ("", "")
    return (
        "if command -v curl >/dev/null; then "
        f"curl -s -o /dev/null -m {seconds}{insecure}{how} -w '%{{http_code}}' {url}; "
        f"else wget -S -q -O /dev/null{unchecked}{post} {url} 2>&1 "
        "| sed -n 's/^ *HTTP[^ ]* \\([0-9]*\\).*/\\1/p' | tail -n 1; fi"
    )


def _tcp_test(port: str, seconds: int) -> str:
    """Connect by whichever nc the image has: that of busybox knows no -z."""
    there = f"-w {seconds} 127.0.0.1 {port}"
    return f"if nc -h 2>&1 | grep -q -e -z; then nc -z {there}; else nc {there} </dev/null >/dev/null; fi"


def _number(port: int | str, ports: Mapping[str, str]) -> str:
    return ports[str(port)].partition("/")[0] if str(port) in ports else str(port)


def last_words(said: str, env: Sequence[str], most: int) -> str:
    """Return the end of what somebody wrote, without the values of an environment; cut afterwards, or half of one would stay."""
    return without_values(said, env).strip()[-most:]


def without_values(text: str, env: Sequence[str]) -> str:
    """Return a text in which no value of an environment (``NAME=value``) can be read; ours are no secret."""
    values = {one.partition("=")[2] for one in env if not one.startswith(("PATH=", "WORKER_", "HODEI_"))}
    for value in sorted(filter(None, values), key=len, reverse=True):
        text = text.replace(value, "***")
    return text
