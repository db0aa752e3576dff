# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Docker provider can carry, and its own configuration keys."""

from __future__ import annotations

from typing import Any

from ...model.carry import Carry, Column, OnChange, Support
from ...model.credential import text_or_credential
from ...model.schema import formatted, group, listed, quantity

_NATIVE = Carry(Support.NATIVE)
_LIVE = Carry(Support.NATIVE, OnChange.UPDATE)


def _none(note: str) -> Carry:
    return Carry(Support.NONE, note=note)


COLUMN: Column = {
    "name": Carry(Support.NATIVE, OnChange.UPDATE, "a container that somebody renamed gets its name back"),
    "image": _NATIVE,
    "program": Carry(Support.NATIVE, note="in place of the image's entry point"),
    "command": _NATIVE,
    "env": Carry(Support.NATIVE, note="whoever may use the Engine can read it"),
    "secrets.env": Carry(
        Support.NATIVE,
        note="whoever may use the Engine can read it, so prefer `file`; a new version replaces the worker",
    ),
    "secrets.file": Carry(Support.NATIVE, note="below `/run/secrets`; a new version is put in its place while it runs"),
    "secrets.volume": Carry(
        Support.NATIVE, note="below `/run/secrets`; a new version is put in its place while it runs"
    ),
    "env_from_host": Carry(Support.NATIVE, note="read when the container is made"),
    "cwd": _NATIVE,
    "user": _NATIVE,
    "resources.cpu": _LIVE,
    "resources.memory": Carry(Support.NATIVE, OnChange.UPDATE, "6Mi or more, without swap beside it"),
    "resources.pids": _LIVE,
    "resources.storage": Carry(Support.NATIVE, note="where the Engine's storage driver has it, which few do"),
    "resources.gpu": Carry(
        Support.NATIVE, note="a device request; the Engine's machine needs nvidia-container-toolkit"
    ),
    "resources.ulimits": _NATIVE,
    "ports": Carry(Support.NATIVE, note="published where `host` is given; 0 takes a free port"),
    "volumes": Carry(
        Support.NATIVE, note="a relative path lies in the image's working directory; only a tmpfs has a size"
    ),
    "files": Carry(
        Support.NATIVE,
        OnChange.UPDATE,
        "a relative path lies in the image's working directory; a change pauses the container for a moment; "
        "with a read-only root they lie in an `empty` volume; no change of their owner is seen",
    ),
    "reload": Carry(Support.NATIVE, OnChange.RECORD),
    "labels": _NATIVE,
    "health": Carry(
        Support.NATIVE, note="the Engine runs it inside the container; http needs curl or wget there, tcp needs nc"
    ),
    "init": Carry(Support.NATIVE, note="the Engine's own docker-init"),
    "restart": _LIVE,
    "restart.backoff": Carry(
        Support.IGNORED, OnChange.RECORD, "the Engine has pauses of its own: 100 ms, doubled up to 1 min"
    ),
    "network": Carry(Support.NATIVE, OnChange.UPDATE, "a container that somebody connected elsewhere is put right"),
    "network.type": Carry(
        Support.NATIVE,
        note="left out: the Engine's default network; private: one of ours; public: the host's own; hybrid: private and the "
        "Engine's default; isolated: one of ours without a way out",
    ),
    "network.name": Carry(
        Support.NATIVE, note="a network of ours, made when needed; `networks` of the provider says more of it"
    ),
    "network.aliases": Carry(Support.NATIVE, note="beside the worker's name and that of the instance"),
    "network.isolation": Carry(
        Support.NATIVE,
        note="complete: no network but loopback; strict: rules on the Engine's machine, which need root and iptables there, "
        "and a task that runs there; else none",
    ),
    "network.allow": Carry(Support.NATIVE, note="IPv4 networks and ports, no names; where strict can be had"),
    "network.block": Carry(Support.NATIVE, note="as allow, and without strict too"),
    "security.non_root": Carry(Support.NATIVE, note="refused when `user`, or the image's, is root inside the image"),
    "security.read_only_root": Carry(Support.NATIVE, note="volumes stay writable"),
    "security.drop_capabilities": _NATIVE,
    "security.add_capabilities": _NATIVE,
    "security.seccomp": Carry(
        Support.NATIVE, note="a profile is read on the machine of the task, when the container is made"
    ),
    "security.apparmor": Carry(Support.NATIVE, note="refused where the Engine's machine has none"),
    "security.selinux": Carry(Support.NATIVE, note="refused where the Engine's machine has none"),
    "security.no_new_privileges": _NATIVE,
    "lifecycle.drain": Carry(
        Support.NATIVE,
        OnChange.RECORD,
        "commands run inside the container; emulated with `reaper: false`: asked by each converge",
    ),
    "log": _NATIVE,
}

#: What is changed by the Engine's own update.
_BY_UPDATE = ("resources.cpu", "resources.memory", "resources.pids", "restart")

_REGISTRIES = listed(
    group(
        {
            "server": formatted("text", "The registry: `registry.example:5000`, or `docker.io`."),
            "username": formatted("text", "The user."),
            "password": text_or_credential("the password itself", "The password, or a token.", x_sensitive=True),
        },
        "A registry and who we are there.",
        required=("server", "username", "password"),
    ),
    "Who we are at registries. Left out: what `docker login` left in `~/.docker/config.json`, credential helpers included.",
    x_sensitive=True,
)
_SCAN = group(
    {
        "command": {
            "type": "array",
            "items": {"type": "string", "format": "text"},
            "minItems": 1,
            "description": "The words of a command, run where the task runs; `$(HODEI_IMAGE)` and `$(HODEI_IMAGE_ID)` name the image.",
        },
        "timeout": quantity("positive_duration", "How long it may take.", "5m"),
    },
    "Asked once for each image of a run before it is used. It refuses the image by an exit code other than 0.",
    required=("command",),
)


def column(no_rules: str, *, reaper: bool, updates: bool) -> Column:
    """Return the column where ``no_rules`` says why rules of networks cannot be enforced, empty where they can, where a reaper is
    or is not, and where the Engine changes containers that live, or does not.
    """
    drain = COLUMN["lifecycle.drain"] if reaper else Carry(Support.EMULATED, OnChange.RECORD, "asked by each converge")
    column = {**COLUMN, "lifecycle.drain": drain}
    if not updates:
        column |= {name: COLUMN[name]._replace(on_change=OnChange.REPLACE) for name in _BY_UPDATE}
    if not no_rules:
        return column
    none = _none(no_rules)
    return {**column, "network.isolation.strict": none, "network.allow": none, "network.block": none}


#: JSON schema fragment: the keys of a provider of ``type: docker``, beside those that every provider has.
DOCKER_CONFIG: dict[str, Any] = {
    "type": "object",
    "properties": {
        "url": {
            "type": "string",
            "format": "text",
            "description": "Where the Engine is: `unix:///path`, `tcp://host:2376` or `ssh://user@host`. Left out: DOCKER_HOST, "
            "the current context, `/var/run/docker.sock`.",
        },
        "socket": {
            "type": "string",
            "format": "text",
            "description": "The path of the Engine's socket on this machine.",
        },
        "context": {"type": "string", "format": "text", "description": "A context of the docker command."},
        "tls": {
            "type": "object",
            "properties": {
                "ca": text_or_credential("the path of its file", "Whom to trust: certificates as PEM."),
                "cert": text_or_credential("the path of its file", "Our own certificate as PEM."),
                "key": text_or_credential("the path of its file", "Its key as PEM, without a password."),
                "verify": {"type": "boolean", "default": True, "description": "Whether the Engine's is verified."},
            },
            "additionalProperties": False,
            "description": "TLS for `tcp://`. With anything but paths there is no reaper: what comes from a store outlives no run.",
        },
        "pull": {
            "type": "string",
            "enum": ["missing", "always", "never"],
            "default": "missing",
            "description": "When an image is pulled before a container is made of it.",
        },
        "moved_tags": {
            "type": "string",
            "enum": ["ignore", "engine", "registry"],
            "description": "Whether a worker is replaced when its tag means another image by now: on the Engine (somebody built or "
            "pulled it), or at the registry, which is asked once for each image whenever workers are looked at. Left out: `registry` "
            "with `pull: always`, else `ignore`.",
        },
        "registries": _REGISTRIES,
        "scan": _SCAN,
        "log_driver": {
            "type": "string",
            "enum": ["json-file", "local"],
            "default": "json-file",
            "description": "How the Engine keeps what a worker writes; `log` rotates both. A change is for new containers.",
        },
        "networks": {
            "type": "object",
            "propertyNames": {"type": "string", "format": "name"},
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "subnet": {
                        "type": "string",
                        "format": "cidr",
                        "description": "Its addresses. Left out: the Engine chooses.",
                    },
                    "external": {
                        "type": "string",
                        "format": "text",
                        "description": "A network that is there and not ours: it is joined, and never made, changed or removed.",
                    },
                },
                "additionalProperties": False,
            },
            "default": {},
            "description": "What the networks that workers name (`network.name`) are like.",
        },
        "reaper": {
            "type": "boolean",
            "default": True,
            "description": "Whether a small process on the task's machine goes on between two runs, as long as a container has a `ttl`, a "
            "health check, or is to be stopped when it is idle. Without it, each run does what is due.",
        },
        "directory": {
            "type": "string",
            "format": "text",
            "description": "Where that process keeps its code and its log. Left out: below the state of the owner.",
        },
        "secrets_in": {
            "type": "string",
            "enum": ["memory", "volume"],
            "description": "Where secrets in files are kept: in memory of the Engine's machine, or in a volume on its disk. Left out: in "
            "memory, where the Engine is on the task's machine and the task runs as root, else in a volume.",
        },
        "settle": {
            "type": ["string", "number"],
            "format": "duration",
            "default": "250ms",
            "description": "A worker without a health check counts as started once it has lived this long.",
        },
    },
    "additionalProperties": False,
}
