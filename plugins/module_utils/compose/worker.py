# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One service as a worker: a function for each thing that a worker says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from ..model.rules import OUR_VARIABLES
from .blocks import Block, Rows, Spot
from .delivered import Delivered
from .fields import Fields, fits, kind_of, text_of
from .limits import Deploy, resources
from .merging import by_name
from .mounts import Mounts
from .networks import Networks
from .ports import ports
from .project import Loader, Project
from .reasons import HEALTH, SERVICE
from .variables import Unreadable, parse_env, parse_raw_env

_CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")
_LIMITS = {"user", "role", "type", "level"}
_REFERENCE = re.compile(r"(?P<dollar>\$?)\$\((?P<name>[^()$\s]+)\)")


class Context(NamedTuple):
    """What all services of a project share; ``names`` says what the worker of each service is called."""

    project: Project
    loader: Loader
    names: Mapping[str, str]
    mounts: Mounts
    networks: Networks
    files: tuple[Delivered, Delivered]
    linked: Mapping[str, list[str]]


def worker(name: str, service: Fields, context: Context) -> dict[str, Any]:
    """Return the worker of a service, without its name; what it cannot have is in the notes."""
    deploy, given = Deploy(service), [one for kind in context.files for one in kind.of(service)]
    worker: dict[str, Any] = {
        "count": deploy.count(),
        **_what_runs(name, service, context.project),
        **_environment(service, context),
        "cwd": service.text("working_dir"),
        "user": _user(service),
        "ports": ports(service),
        "network": context.networks.of(service, _aliases(name, service, context)),
        "volumes": context.mounts.of(service),
        "files": [one for one in given if "path" in one],
        "secrets": [one for one in given if "secret" in one],
        "labels": _labels(service, context.loader),
        "health": _health(service),
        "init": service.flag("init"),
        "restart": deploy.restart(),
        "resources": resources(service, deploy.limits, deploy.reservations),
        "security": _security(service),
        "log": _log(service),
        "lifecycle": {"grace": service.duration("stop_grace_period"), "replace": deploy.order()},
        "depends_on": _depends_on(service, context),
    }
    deploy.end()
    _without_effect(service)
    service.end(SERVICE, KNOWN)
    worker["lifecycle"] = {key: value for key, value in worker["lifecycle"].items() if value}
    kept = {key: value for key, value in worker.items() if value not in (None, "", [], {}) or key == "network"}
    return _protected({key: value for key, value in kept.items() if key != "network" or value})


KNOWN = (
    "build cap_add cap_drop command configs container_name cpu_period cpu_quota cpus depends_on deploy entrypoint env_file environment "
    "expose extends gpus healthcheck image init label_file labels links logging mem_limit memswap_limit network_mode networks "
    "pids_limit ports profiles pull_policy read_only restart scale secrets security_opt shm_size stop_grace_period stop_signal storage_opt "
    "tmpfs ulimits user volumes working_dir"
)


# ---- what runs -------------------------------------------------------------------------------------------------------


def _what_runs(name: str, service: Fields, project: Project) -> dict[str, Any]:
    image = service.text("image")
    if service.take("build") is not None:
        image = image or f"{project.name}-{name}"
        service.left_out(
            "build", f"images are not built here; the worker runs {image}", "build it by `docker compose build`"
        )
    if not image:
        service.wrong("image", "there is neither image nor build", "write image: NAME")
    elif not fits("image", image):
        service.wrong("image", f"'{image}' is no image", "write a name such as registry.example/team/app:1.4")
    command, entry = _words(service, "command"), _words(service, "entrypoint")
    if entry is None:
        return {"image": image, "command": command}
    both = [*entry, *(command or [])]
    if not both:
        service.left_out("entrypoint", "an entry point cannot be taken away without a command", "write command")
        return {"image": image}
    return {"image": image, "program": both[0], "command": both[1:]}


def _words(service: Fields, key: str) -> list[str] | None:
    """Return a command, which is a list of words, or a text that is split as a shell does it."""
    value = service.take(key)
    if value is None:
        return None
    if isinstance(value, Rows):
        return [text_of(word) for word in value]
    if isinstance(value, Block):
        service.wrong(key, "expected a command, got a mapping", "write the words as a list")
        return None
    try:
        return shlex.split(text_of(value))
    except ValueError:
        service.wrong(key, "a quote is not closed", "close it, or write the words as a list")
        return None


def _user(service: Fields) -> str:
    user = service.text("user")
    if user and not fits("user", user):
        service.wrong("user", f"'{user}' is no user", "write USER, UID or USER:GROUP")
    return user


# ---- what it finds ---------------------------------------------------------------------------------------------------


def _environment(service: Fields, context: Context) -> dict[str, Any]:
    found: dict[str, str | None] = {}
    places: dict[str, tuple[Spot | None, str]] = {}
    for item, spot, path in service.items("env_file"):
        for name, value in _env_file(item, spot, path, service, context).items():
            found[name], places[name] = value, (spot, f"{path}: {name}")
    for name, one, spot, path in service.pairs("environment"):
        found[name], places[name] = None if one is None else text_of(one), (spot, path)
    env: dict[str, str] = {}
    from_host = []
    for name, value in found.items():
        if not fits("env_name", name):
            service.notes.wrong(*places[name], f"'{name}' is no name of a variable", "use letters, digits and _")
        elif name.startswith("HODEI_") or name in OUR_VARIABLES:
            service.notes.left_out(*places[name], f"{name} is set for every worker", "choose another name")
        elif value is not None:
            env[name] = value
        elif name in context.project.variables:
            env[name] = context.project.variables[name]
        else:
            from_host.append(name)
    return {"env": env, "env_from_host": from_host}


def _env_file(item: Any, spot: Any, path: str, service: Fields, context: Context) -> Mapping[str, str | None]:
    block = item
    if not isinstance(item, Block):
        block = Block()
        block.put("path", item, spot)
    fields = Fields(block, path, service.notes, spot)
    name, required, form = fields.text("path"), fields.flag("required"), fields.text("format")
    fields.end({}, "path required format")
    if not name:
        fields.wrong("path", "the path of a file is missing", "write path: FILE")
        return {}
    if form not in ("", "raw"):
        fields.wrong("format", f"'{form}' is no format", "write raw, or leave it out")
    if required is False and not context.loader.there(name):
        return {}
    text = context.loader.text(name, spot, path)
    try:
        if form == "raw":
            return parse_raw_env(text or "")
        return parse_env(text or "", context.project.variables, partial(context.loader.unset, spot=spot))
    except Unreadable as error:
        service.notes.wrong(spot, path, f"{name}: {error}", error.hint)
        return {}


def _labels(service: Fields, loader: Loader) -> dict[str, str]:
    found: dict[str, str] = {}
    for item, spot, path in service.items("label_file"):
        try:
            read = parse_env(loader.text(text_of(item), spot, path) or "", {}, partial(loader.unset, spot=spot))
        except Unreadable as error:
            service.notes.wrong(spot, path, str(error), error.hint)
            continue
        found.update({name: value or "" for name, value in read.items()})
    for name, value, spot, path in service.pairs("labels"):
        if fits("label_name", name):
            found[name] = "" if value is None else text_of(value)
        else:
            service.notes.left_out(
                spot, path, f"'{name}' is no name of a label here", "use letters, digits and . _ / -; hodei. is ours"
            )
    return found


# ---- how it is -------------------------------------------------------------------------------------------------------


def _health(service: Fields) -> dict[str, Any] | None:
    fields = service.below("healthcheck")
    test = fields.take("test")
    interval, timeout = fields.duration("interval") or "30s", fields.duration("timeout") or "30s"
    period, retries = fields.duration("start_period"), fields.whole("retries")
    disabled = fields.flag("disable")
    fields.end(HEALTH, "test disable interval timeout start_period retries")
    if disabled or test == "NONE" or (isinstance(test, Rows) and test[:1] == ["NONE"]):
        service.left_out(
            "healthcheck", "a check that the image has cannot be turned off", "if it has one, build an image without"
        )
        return None
    if test is None:
        if fields.block:
            service.left_out("healthcheck", "a check of the image cannot be changed in part", "write its test as well")
        return None
    if isinstance(test, Rows) and test[:1] in (["CMD"], ["CMD-SHELL"]) and len(test) > 1:
        words = [text_of(word) for word in test[1:]]
        command = words if test[0] == "CMD" else ["/bin/sh", "-c", " ".join(words)]
    elif isinstance(test, (Rows, Block)):
        fields.wrong(
            "test",
            f"expected a text, or a list that begins with CMD or CMD-SHELL, got {kind_of(test)}",
            "write [CMD, word, ...]",
        )
        return None
    else:
        command = ["/bin/sh", "-c", text_of(test)]
    return {
        "command": command,
        "interval": interval,
        "timeout": timeout,
        **({"failures": retries} if retries else {}),
        **({"start_period": period} if period and period != "0s" else {}),
    }


def _log(service: Fields) -> dict[str, Any]:
    fields = service.below("logging")
    driver, options = fields.text("driver", "json-file"), fields.below("options")
    if driver not in ("json-file", "local"):
        service.left_out(
            "logging",
            f"worker_logs reads the Engine's own files, not {driver}",
            "ship them from there, or have the worker send them",
        )
        return {}
    if driver == "local":
        fields.differs("driver", "it is one for all workers of a provider, json-file", "write log_driver: local there")
    log = {"max_size": options.size("max-size"), "max_files": options.whole("max-file", 1)}
    options.end(dict.fromkeys(options.block, ("a log has max-size and max-file", "leave it out")), "max-size max-file")
    fields.end({}, "driver options")
    return {key: value for key, value in log.items() if value}


def _security(service: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {"read_only_root": service.flag("read_only") or None}
    for key, ours in (("cap_drop", "drop_capabilities"), ("cap_add", "add_capabilities")):
        names = []
        for item, spot, path in service.items(key):
            if fits("capability", item):
                names.append(text_of(item).upper().removeprefix("CAP_"))
            else:
                service.notes.wrong(
                    spot, path, f"{kind_of(item)} is no capability", "write its name, such as NET_ADMIN"
                )
        found[ours] = "all" if "ALL" in names and key == "cap_drop" else names
    for item, spot, path in service.items("security_opt"):
        name, _unused, value = text_of(item).replace("=", ":", 1).partition(":")
        label = value.partition(":")
        if name == "no-new-privileges":
            found["no_new_privileges"] = value.lower() != "false"
        elif name in ("seccomp", "apparmor") and value:
            found[name] = value
        elif name == "label" and label[0] in _LIMITS and label[2]:
            found.setdefault("selinux", {})[label[0]] = label[2]
        else:
            service.notes.left_out(
                spot, path, f"{text_of(item)} is not carried", "leave it out, or run that container by other means"
            )
    return {key: value for key, value in found.items() if value not in (None, [], {})}


# ---- whom it needs ---------------------------------------------------------------------------------------------------


def _depends_on(service: Fields, context: Context) -> list[str]:
    written = service.take("depends_on")
    found = [link.partition(":")[0] for link in map(text_of, service.block.get("links") or ())]
    if written is not None and not isinstance(written, (Block, Rows)):
        service.wrong(
            "depends_on", f"expected a list or a mapping, got {kind_of(written)}", "write `- SERVICE` lines below it"
        )
        written = None
    block = by_name(written, "depends_on") if written is not None else Block()
    for name, value in block.items():
        one = Fields(value, f"{service.under('depends_on')}.{name}", service.notes, block.at[name])
        required = one.flag("required")
        if name not in context.names:
            if required is not False:
                one.notes.wrong(
                    one.spot, one.path, f"there is no service '{name}'", "correct the name, or activate its profile"
                )
            _condition(one, False)
            continue
        target = context.project.services[name]
        _condition(one, isinstance(target, Block) and target.get("healthcheck") is not None)
        if required is False:
            one.left_out(
                "required",
                "a worker waits for all that it depends on",
                "remove the dependency, or have the worker try again",
            )
        found.append(name)
    return list(dict.fromkeys(context.names[name] for name in found if name in context.names))


def _condition(one: Fields, checked: bool) -> None:
    condition = one.text("condition", "service_started")
    if condition not in _CONDITIONS:
        one.wrong("condition", f"'{condition}' is no condition", f"write one of {', '.join(_CONDITIONS)}")
    elif condition == "service_completed_successfully":
        one.left_out(
            "condition",
            "a worker counts as up when it has started, and is not waited for until it has ended",
            "converge that one first (hodei_targets) and wait for it, or have the other try again",
        )
    elif condition == "service_started" and checked:
        one.differs(
            "condition", "a worker with a health check is waited for until it is healthy", "write service_healthy"
        )
    if one.flag("restart"):
        one.left_out("restart", "a worker is not restarted because another one is", "have it connect again")
    one.end({}, "condition restart required")


def _aliases(name: str, service: Fields, context: Context) -> list[str]:
    """Return by which names others look for it beside the worker's own."""
    found = [name] if context.names[name] != name else []
    if "container_name" in service:
        alias = service.text("container_name")
        service.differs(
            "container_name",
            "containers are called OWNER.WORKER.GENERATION; this is a name in the network",
            "use the worker's name",
        )
        found += [alias] if fits("host", alias) else []
    return found + [alias for alias in context.linked.get(name, ()) if alias != name]


def _without_effect(service: Fields) -> None:
    """Take what needs nothing here, where it says what is so anyway."""
    signal = service.text("stop_signal", "SIGTERM").upper()
    if signal.removeprefix("SIG") not in ("TERM", "15"):
        service.left_out(
            "stop_signal",
            "a worker is stopped by SIGTERM, or by what its image says",
            "write STOPSIGNAL into its Dockerfile",
        )
    service.take("profiles")
    service.take("pull_policy")  # judged for all services together
    for item, spot, path in service.items("links"):
        name, _unused, alias = text_of(item).partition(":")
        if alias and alias != name:
            service.notes.differs(spot, path, f"all workers of the network know {name} as {alias}", f"use {name}")
    for key in ("privileged", "oom_kill_disable", "tty", "stdin_open"):
        if service.block.get(key) is False:
            service.take(key)


def _protected(worker: dict[str, Any]) -> dict[str, Any]:
    """Write what the worker is to read as `$(NAME)` so that it is not replaced on its way."""
    known = {*worker.get("env", ()), *worker.get("env_from_host", ())}

    def text(value: str) -> str:
        def one(match: re.Match[str]) -> str:
            ours = match["name"] in known or match["name"].startswith(("HODEI_", "WORKER_"))
            return f"${match[0]}" if match["dollar"] or ours else match[0]

        return _REFERENCE.sub(one, value)

    for key in ("command", "cwd", "env"):
        if key in worker:
            worker[key] = _each(worker[key], text)
    if "health" in worker:
        worker["health"]["command"] = _each(worker["health"]["command"], text)
    return worker


def _each(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {key: change(one) for key, one in value.items()}
    return [change(one) for one in value] if isinstance(value, list) else change(value)
