# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a Compose file that have nothing here: why, and what to do instead."""

from __future__ import annotations

Reasons = dict[str, tuple[str, str]]

_SHARED = "a worker shares no namespace of the host or of another container"
_KERNEL = "the limits of a worker are cpu, memory, pids and ulimits"
_SWARM = "it is for clusters of Swarm, which `docker compose` ignores as well"
_NAMES = "names are resolved by the Engine's own server"
_MODELS = "models are run by Docker itself"
_WINDOWS = "it is for Windows"
_HOST = "run that container by other means, or on the host"

SERVICE: Reasons = {
    "annotations": ("the Engine of most machines has no annotations", "write them as labels"),
    "attach": ("a converge shows no output of workers", "read it with worker_logs"),
    "blkio_config": (_KERNEL, "leave it out"),
    "cgroup": (_SHARED, _HOST),
    "cgroup_parent": (
        "the Engine chooses the control group",
        "set it for all containers: `cgroup-parent` in daemon.json",
    ),
    "cpu_count": (_WINDOWS, "use cpus"),
    "cpu_percent": (_WINDOWS, "use cpus"),
    "cpu_rt_period": (_KERNEL, "use cpus"),
    "cpu_rt_runtime": (_KERNEL, "use cpus"),
    "cpu_shares": (_KERNEL, "use cpus, which is a limit instead of a weight"),
    "cpuset": (_KERNEL, "use cpus, or start the program by taskset"),
    "credential_spec": (_WINDOWS, "leave it out"),
    "develop": ("it is for `docker compose watch`", "go on developing with Compose"),
    "device_cgroup_rules": ("a worker has no devices of the host but GPUs", _HOST),
    "devices": ("a worker has no devices of the host but GPUs", _HOST),
    "dns": (_NAMES, "set it for all containers: `dns` in daemon.json"),
    "dns_opt": (_NAMES, "set it for all containers: `dns-opts` in daemon.json"),
    "dns_search": (_NAMES, "set it for all containers: `dns-search` in daemon.json"),
    "domainname": ("the Engine names the host of a worker", "pass the name on in environment"),
    "external_links": ("a worker knows the workers of its own fleet only", "publish a port of the other container"),
    "extra_hosts": ("a worker has no hosts file of its own", "use the address itself, or a name that DNS knows"),
    "group_add": ("a worker has one user and one group", "write user: USER:GROUP"),
    "hostname": (
        "the Engine names the host of a worker; each instance has its own",
        "pass the name on in environment; WORKER_ID is there already",
    ),
    "ipc": (_SHARED, _HOST),
    "isolation": (_WINDOWS, "leave it out"),
    "mac_address": ("the Engine chooses it", "leave it out"),
    "mem_reservation": ("limits are hard ones", "set mem_limit"),
    "mem_swappiness": (_KERNEL, "leave it out"),
    "models": (_MODELS, "pass the address of the model on in environment"),
    "oom_kill_disable": (_KERNEL, "raise mem_limit"),
    "oom_score_adj": (_KERNEL, "leave it out"),
    "pid": (_SHARED, _HOST),
    "platform": ("an Engine runs its own platform", "name an image of that platform, by digest if need be"),
    "post_start": (
        "nothing is run in a worker when it starts",
        "put it into the command, or use worker_exec after converge",
    ),
    "pre_stop": (
        "nothing is run in a worker when it stops, but `lifecycle.drain` may tell it to finish",
        "handle SIGTERM, or write lifecycle.drain",
    ),
    "privileged": ("a worker is never privileged", "list what it needs in cap_add"),
    "pull_refresh_after": ("images are not refreshed by age", "write pull_policy: always"),
    "runtime": ("the Engine's own default is used", "set `default-runtime` in daemon.json"),
    "stdin_open": ("a worker has no standard input", "use worker_exec"),
    "sysctls": ("a worker sets nothing of the kernel", "set it on the host, where it is not for one network alone"),
    "tty": ("a worker has no terminal", "leave it out; some programs need an option to write unbuffered"),
    "use_api_socket": (
        "a worker is not given the Engine",
        "mount the socket as a volume, knowing that it makes root of who has it",
    ),
    "userns_mode": (_SHARED, "leave it out"),
    "uts": (_SHARED, _HOST),
    "volumes_from": ("volumes are listed by each worker", "write the volumes out"),
}

DEPLOY: Reasons = {
    "endpoint_mode": (_SWARM, "leave it out"),
    "labels": ("they are labels of a service of Swarm", "write them into labels of the service"),
    "placement": (_SWARM, "name another provider for the worker"),
    "rollback_config": (_SWARM, "leave it out"),
}

UPDATE: Reasons = dict.fromkeys(
    ("parallelism", "delay", "failure_action", "monitor", "max_failure_ratio"), (_SWARM, "leave it out")
)

RESTART_POLICY: Reasons = {
    "delay": ("the Engine has pauses of its own", "leave it out"),
    "window": ("the Engine judges a start by itself", "leave it out"),
}

RESERVATIONS: Reasons = {
    "cpus": ("there are limits only, no reservations", "set deploy.resources.limits"),
    "memory": ("there are limits only, no reservations", "set deploy.resources.limits"),
    "generic_resources": (_SWARM, "leave it out"),
}

HEALTH: Reasons = {
    "start_interval": ("a worker is asked at one interval", "shorten interval"),
}

NETWORK_OF_SERVICE: Reasons = {
    "driver_opts": ("networks are made by the provider", "leave it out"),
    "gw_priority": ("a worker has one network", "leave it out"),
    "interface_name": ("the Engine names it", "leave it out"),
    "ipv4_address": ("the Engine chooses addresses", "use the name of the worker"),
    "ipv6_address": ("the Engine chooses addresses", "use the name of the worker"),
    "link_local_ips": ("the Engine chooses addresses", "use the name of the worker"),
    "mac_address": ("the Engine chooses it", "leave it out"),
    "priority": ("a worker has one network", "leave it out"),
}

VOLUME: Reasons = {
    "driver": (
        "volumes are made with the Engine's own driver",
        "make it by `docker volume create`, and write external: true",
    ),
    "driver_opts": ("volumes are made without options", "make it by `docker volume create`, and write external: true"),
    "labels": ("a volume has labels of ours only", "make it by `docker volume create`, and write external: true"),
}

CONFIG: Reasons = {
    "driver": (_SWARM, "use file:"),
    "driver_opts": (_SWARM, "use file:"),
    "external": (_SWARM, "use file:"),
    "labels": (_SWARM, "leave it out"),
    "name": (_SWARM, "leave it out"),
    "template_driver": (_SWARM, "write it as a template: `files: [{template: ...}]`"),
}

PORT: Reasons = {
    "app_protocol": ("nothing reads it", "leave it out"),
    "mode": ("a port is always one of the host", "leave it out"),
}

BIND: Reasons = {
    "propagation": ("mounts below a volume do not propagate", "leave it out"),
    "recursive": ("what is mounted below comes along", "leave it out"),
}

VOLUME_MOUNT: Reasons = {
    "labels": ("a volume has labels of ours only", "make it by `docker volume create`"),
    "nocopy": ("a new volume is filled with what the image has there", "leave it out"),
    "subpath": ("a volume is mounted as a whole", "give each part a volume of its own"),
}

IMAGE_MOUNT = ("an image is no volume here", "copy what is needed into a volume")

TOP: Reasons = {
    "models": (_MODELS, "pass the address of the model on in environment"),
}
