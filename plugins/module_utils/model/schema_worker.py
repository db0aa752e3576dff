# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of a worker: every field that an entry of `workers` may have, with what it means."""

from __future__ import annotations

from .schema import (
    Schema,
    choice,
    exactly_one,
    flag,
    formatted,
    group,
    integer,
    listed,
    mapping,
    quantity,
)

HIGHEST_COUNT = 10_000

COMMAND = listed(
    {"type": "string", "format": "text", "x-sensitive": True},
    'The words of the command line. It is no shell: for pipes or variables write `["sh", "-c", "..."]`. With `image` it '
    "replaces the command of the image; with `program` it holds the program's arguments; alone, its first word is the program.",
    x_sensitive=True,
)

ENV = mapping(
    "env_name",
    {"type": ["string", "integer"], "format": "text", "x-sensitive": True},
    "Environment variables. Text and whole numbers; put everything else in quotes. Values are secret unless `env_visible` lists "
    "the name: state, plans and labels hold a keyed digest of them.",
    x_sensitive=True,
)

LABELS = mapping(
    "label_name",
    {"type": ["string", "integer"], "format": "text"},
    "Labels of the native object, for your own use. Names that begin with `hodei.` are ours.",
)

RESOURCES = group(
    {
        "cpu": quantity("cpu", "Limit of CPU: cores (`2`, `0.5`) or millicores (`500m`)."),
        "memory": quantity("size", "Limit of memory, such as `512Mi`."),
        "storage": quantity("size", "Limit of the space in the worker's own writable layer or directory."),
        "gpu": integer("Number of GPUs.", 0, 1024, 0),
        "pids": integer("Limit of processes and threads.", 1, 4_194_304),
        "ulimits": mapping(
            "ulimit_name",
            {
                "type": ["integer", "object"],
                "minimum": -1,
                "properties": {
                    "soft": {"type": "integer", "minimum": -1, "description": "The limit that applies (-1: none)."},
                    "hard": {"type": "integer", "minimum": -1, "description": "How far the process may raise it."},
                },
                "required": ["soft", "hard"],
                "additionalProperties": False,
                "x-shorthand": "ulimit",
            },
            "Limits of setrlimit(2) by lower-case name (`nofile: 4096`, or `{soft: 1024, hard: 4096}`).",
        ),
    },
    "What the worker may use. Nothing here means no limit.",
    default={},
)

PORTS = listed(
    group(
        {
            "name": formatted(
                "port_name", "The port's name. The worker finds its number in `HODEI_PORT_<NAME>`, upper case, - as _."
            ),
            "container": integer(
                "The port that the worker listens on in its container. A process has none: it listens on `host`, or on a free port.",
                1,
                65535,
            ),
            "host": integer("The port of the host that leads to it. Left out: not published, or a free one.", 0, 65535),
            "host_range": formatted("port_range", "Instead of `host`: a free one of these, `8000-8010`."),
            "host_ip": formatted("ip", "The address of the host that it is published at. Left out: all."),
            "protocol": choice(["tcp", "udp"], "The protocol.", "tcp"),
        },
        required=("name",),
    ),
    "Ports that the worker listens on, each with a name.",
    x_set=True,
)

VOLUMES = listed(
    group(
        {
            "name": formatted("name", "The volume's name, unique within the worker."),
            "path": formatted("text", "Where the worker sees it. A relative path lies in the worker's own directory."),
            "type": choice(
                ["empty", "host", "named", "tmpfs"],
                "`empty` lives as long as the worker, `tmpfs` too but in memory; `host` is a directory of the host; `named` "
                "outlives the worker.",
                "empty",
            ),
            "source": formatted(
                "text", "The directory on the host (`host`), or the volume's native name (`named`; default its name)."
            ),
            "size": quantity("size", "Limit of its size."),
            "mode": formatted(
                "mode", 'Permissions of the directory of an `empty` or `tmpfs` volume, in quotes: `"0700"`.'
            ),
            "read_only": flag("The worker may not write to it."),
            "relabel": choice(
                ["shared", "private"],
                "The SELinux label that the directory of a `host` volume gets: `shared` by several containers (`z`), or this one's "
                "alone (`Z`). Left out: it keeps its own.",
            ),
        },
        required=("name", "path"),
    ),
    "Directories that the worker is given.",
    x_set=True,
)

_HTTP = {
    "path": formatted("text", "The path to ask for.", "/"),
    "port": {
        "type": ["string", "integer"],
        "format": "port_name",
        "minimum": 1,
        "maximum": 65535,
        "description": "The name of one of the worker's ports, or a number.",
    },
    "host": formatted("host", "Whom to ask. Left out: the worker itself."),
    "status": integer("The status that means healthy. Left out: any from 200 to 399.", 100, 599),
}

HEALTH = group(
    {
        "command": {
            "type": "array",
            "items": {"type": "string", "format": "text", "x-sensitive": True},
            "minItems": 1,
            "description": "A command that ends with 0 when the worker is healthy.",
            "x-sensitive": True,
        },
        "http": group(
            {
                **_HTTP,
                "scheme": choice(["http", "https"], "The scheme; `https:` says it shorter.", "http"),
                "verify": flag("Whether the certificate of https is verified.", True),
            },
            "A request that is answered with a good status when the worker is healthy.",
            required=("port",),
        ),
        "https": group(
            {**_HTTP, "verify": flag("Whether the certificate is verified.", True)},
            "The same over TLS: `https: {...}` means `http: {scheme: https, ...}`.",
            required=("port",),
        ),
        "tcp": group(
            {"port": _HTTP["port"]}, "A connection that is accepted when the worker is healthy.", required=("port",)
        ),
        "interval": quantity("positive_duration", "Time between two probes.", "10s"),
        "timeout": quantity("positive_duration", "How long a probe may take.", "1s"),
        "failures": integer("How many failures in a row make the worker unhealthy.", 1, 1000, 3),
        "successes": integer("How many successes in a row make it healthy again.", 1, 1000, 1),
        "start_period": quantity("duration", "Time after the start in which failures do not count.", "0s"),
    },
    "How to tell whether the worker is well; exactly one of `command`, `http`, `https` and `tcp`.",
    oneOf=exactly_one("command", "http", "https", "tcp"),
    x_shorthand="health",
)

RESTART_POLICIES = ["never", "on_failure", "always"]

RESTART = {
    **group(
        {
            "policy": choice(
                RESTART_POLICIES,
                "When a worker that ended is started again; `on_failure`: unless it ended with 0.",
                "on_failure",
            ),
            "max_retries": integer(
                "Restarts in a row before the worker counts as failed. Left out: no limit.", 0, 1_000_000
            ),
            "backoff": group(
                {
                    "initial": quantity("duration", "Wait before the first restart; it doubles with each.", "1s"),
                    "max": quantity("duration", "The longest wait.", "1m"),
                },
                "How long to wait before a restart.",
                default={},
            ),
        },
        "What happens when the worker ends. A plain word is its `policy`: `restart: always`.",
        default={},
    ),
    "type": ["object", "string"],
    "format": "restart_policy",
    "x-shorthand": "restart",
}

_RULE = group(
    {
        "cidr": formatted("cidr", "The other side: a network or an address."),
        "host": formatted("host", "The other side by name."),
        "port": integer("One port. Neither `port` nor `ports`: all.", 1, 65535),
        "ports": listed({"type": "integer", "minimum": 1, "maximum": 65535}, "Several ports.", x_set=True),
        "protocol": choice(["tcp", "udp"], "The protocol. Left out: tcp where there is a port, else every one."),
    },
    oneOf=exactly_one("cidr", "host"),
    not_={"required": ["port", "ports"]},
    x_shorthand="network_rule",
)

NETWORK = group(
    {
        "type": choice(
            ["private", "public", "hybrid", "isolated"],
            "Which network the worker joins. Left out: the provider's own default.",
        ),
        "name": formatted("name", "A network by name: workers that name the same one find one another there."),
        "aliases": listed(
            {"type": "string", "format": "host"},
            "More names by which it is found in its network.",
            uniqueItems=True,
            x_set=True,
        ),
        "isolation": choice(
            ["default", "strict", "complete"],
            "`strict`: nothing but what `allow` lists; `complete`: no network at all.",
            "default",
        ),
        "allow": listed(_RULE, "Connections that the worker may open.", x_set=True),
        "block": listed(_RULE, "Connections that it may not open.", x_set=True),
    },
    "How the worker is connected.",
    default={},
)

_CAPABILITIES = {"type": "string", "format": "capability"}

SECURITY = group(
    {
        "non_root": flag("Refuse to run as root."),
        "read_only_root": flag("The root file system is read-only."),
        "drop_capabilities": listed(
            _CAPABILITIES,
            "Linux capabilities to take away, or the word `all`.",
            type=["array", "string"],
            format="all_word",
            uniqueItems=True,
            x_set=True,
            x_shorthand="capabilities",
        ),
        "add_capabilities": listed(_CAPABILITIES, "Linux capabilities to give.", uniqueItems=True, x_set=True),
        "seccomp": formatted(
            "text", "Seccomp profile: `unconfined`, or the path of a JSON profile. Left out: the provider's own."
        ),
        "apparmor": formatted("text", "AppArmor profile by name."),
        "selinux": group(
            {name: formatted("text", f"SELinux {name}.") for name in ("user", "role", "type", "level")},
            "SELinux label.",
            default={},
        ),
        "no_new_privileges": flag("Nothing that the worker starts can gain privileges.", True),
    },
    "What the worker may do to the system.",
    default={},
)

LOG = group(
    {
        "max_size": quantity("size", "Size at which a log file is rotated.", "10Mi"),
        "max_files": integer("How many log files are kept, the present one included.", 1, 1000, 3),
    },
    "How much of the worker's output is kept.",
    default={},
)

_DRAIN_HTTP = {
    "path": _HTTP["path"],
    "port": _HTTP["port"],
    "host": _HTTP["host"],
    "scheme": choice(["http", "https"], "The scheme.", "http"),
    "verify": flag("Whether the certificate of https is verified.", True),
}

_DRAIN_COMMAND = {
    "type": "array",
    "items": {"type": "string", "format": "text", "x-sensitive": True},
    "minItems": 1,
    "x-sensitive": True,
}

DRAIN_SIGNALS = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH"]

DRAIN = group(
    {
        "command": {
            **_DRAIN_COMMAND,
            "description": "A command that tells the worker to take no new work; run beside it until it has ended with 0 once.",
        },
        "http": group(
            {
                **_DRAIN_HTTP,
                "method": choice(["GET", "POST", "PUT"], "The method.", "POST"),
                "status": integer("The status that says that it heard. Left out: any from 200 to 399.", 100, 599),
            },
            "A request that tells the worker to take no new work; repeated until it is answered with a good status once.",
            required=("port",),
        ),
        "signal": choice(DRAIN_SIGNALS, "A signal to the worker's main process that tells it to take no new work."),
        "busy": group(
            {
                "command": {
                    **_DRAIN_COMMAND,
                    "description": "A command that ends with 0 while the worker works, with another code when it does not. "
                    "126, 127 and a signal say nothing, which counts as busy.",
                },
                "http": group(
                    {
                        **_DRAIN_HTTP,
                        "status": integer(
                            "The only status that means busy. Left out: any from 200 to 399. What says nothing counts as busy: "
                            "100-199, 300-399, 401, 403, 407, 408, 425, 429 and 500-599, if not this.",
                            100,
                            599,
                        ),
                    },
                    "A request that is answered with a good status while the worker works, and with another when it does not.",
                    required=("port",),
                ),
            },
            "How to ask whether the worker works; exactly one of `command` and `http`. Left out: a worker that was told works "
            "until it has ended. What cannot be asked counts as busy.",
            oneOf=exactly_one("command", "http"),
        ),
        "interval": quantity("positive_duration", "Time between two questions.", "2s"),
        "timeout": quantity(
            "positive_duration", "How long the worker may go on, from the first moment of draining.", "30m"
        ),
        "on_timeout": choice(
            ["wait", "kill"], "`wait`: it is left alone and reported; `kill`: it is stopped although it works.", "wait"
        ),
    },
    "How the worker finishes its work before anything stops it: a delete, a stop, a restart, a replacement, the end of its `ttl`. "
    "At the most one of `command`, `http` and `signal` tells it to take no new work; without one, `busy` is needed.",
)

LIFECYCLE = group(
    {
        "grace": quantity("duration", "Time between the polite signal and the kill when the worker is stopped.", "10s"),
        "ttl": quantity("positive_duration", "How long a worker may live. Left out: for ever."),
        "prevent_destroy": flag("Fail rather than delete or replace this worker."),
        "ignore_changes": listed(
            {"type": "string"},
            "Field paths (`image`, `env.DEBUG`) whose changes are left alone.",
            uniqueItems=True,
            x_set=True,
        ),
        "replace": choice(
            ["destroy_before_create", "create_before_destroy"],
            "The order of a replacement.",
            "destroy_before_create",
        ),
        "max_unavailable": {
            "type": ["string", "integer"],
            "format": "share",
            "description": "How many instances a run takes away at a time to restart or replace them, in the order of their indices: a "
            "number, or a share such as `25%`, rounded down, one at least. When one does not come back, the rest stay as they are. Left "
            "out: as many as `max_parallel` allows.",
        },
        "drain": DRAIN,
        "on_remove": choice(
            ["destroy", "forget"],
            "What becomes of a worker that leaves the document or is scaled away: it is deleted, or it runs on and belongs to nobody.",
            "destroy",
        ),
    },
    "How the engine may treat this worker. A change of it touches no running worker.",
    default={},
)

#: The most that the files of one worker may hold together: they travel with every change, and lie in memory meanwhile.
MOST_FILE_BYTES = 1 << 20

#: What a file holds comes from one of these.
FILE_SOURCES = ("content", "content_base64", "template")

FILES = listed(
    group(
        {
            "path": formatted("text", "Where the file lies: a relative path lies in the worker's own directory."),
            "content": formatted("text", "What it holds, as text.", x_sensitive=True),
            "content_base64": formatted("base64", "What it holds, in base64: for what is no text.", x_sensitive=True),
            "template": formatted(
                "text",
                "A Jinja2 template on the controller, found as the template module finds it, or beside the inventory. Beside "
                "the task's variables it knows `worker_name`, `worker_index`, `worker_id`, `worker_count` and `worker_address`.",
            ),
            "mode": formatted("mode", 'Permissions, in quotes: `"0400"`.', "0644"),
            "owner": {
                "type": ["string", "integer"],
                "format": "user",
                "description": "Whose it is: `name`, `uid` or `user:group`. Left out: the worker's own user.",
            },
        },
        required=("path",),
        oneOf=exactly_one(*FILE_SOURCES),
        x_shorthand="file",
    ),
    "Files that the worker is given before it starts; a change of them is written in place, all or none. What they hold is "
    "secret: state, plans and labels hold a keyed digest of it. 1Mi for all files of a worker is the most.",
    x_set=True,
)

RELOAD = group(
    {
        "signal": choice(
            ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGINT", "SIGTERM", "SIGQUIT", "SIGWINCH", "SIGALRM", "SIGCONT"],
            "A signal to the worker's main process.",
        ),
        "command": {
            "type": "array",
            "items": {"type": "string", "format": "text", "x-sensitive": True},
            "minItems": 1,
            "description": "A command in the worker's environment that ends with 0 when the worker has taken the change.",
            "x-sensitive": True,
        },
        "timeout": quantity("positive_duration", "How long the command may take.", "30s"),
    },
    "How the worker is told that its files have changed, those of its secrets too; exactly one of `signal` and `command`. Left out: it "
    "is restarted for `files`, and not told of others.",
    oneOf=exactly_one("signal", "command"),
)

_STATE = choice(["started", "stopped", "paused"], "What the worker should be doing.", "started")

SECRETS = listed(
    group(
        {
            "secret": formatted("secret_name", "The name of the secret; `@acme/db/password` has a tenant."),
            "store": formatted(
                "name", "The store that it lies in. Left out: where the document has the secret, else the only store."
            ),
            "version": integer("A certain version. Left out: the current one, also when that changes.", 1, 1 << 31),
            "field": formatted("text", "One field of a secret that has fields."),
            "env": formatted("env_name", "The variable that holds it."),
            "file": formatted("text", "The file that holds it: a relative path lies in `HODEI_SECRETS_DIR`."),
            "volume": formatted(
                "text", "The directory that has a file for each field: a relative path lies in `HODEI_SECRETS_DIR`."
            ),
            "mode": formatted(
                "mode", 'Permissions of the file or directory, in quotes. Left out: `"0400"` and `"0500"`.'
            ),
            "owner": {
                "type": ["string", "integer"],
                "format": "user",
                "description": "Whose it is: `name`, `uid` or `user:group`. Left out: the worker's own user.",
            },
        },
        required=("secret",),
        oneOf=exactly_one("env", "file", "volume"),
    ),
    "Secrets that the worker is given. A new version of one in a file or volume is put in its place while the worker runs; for one in "
    "`env` the worker is restarted, after it has finished its work.",
    x_set=True,
)

_OVERRIDABLE = {
    "command": COMMAND,
    "cwd": formatted("text", "Working directory."),
    "env": ENV,
    "files": FILES,
    "labels": LABELS,
    "ports": PORTS,
    "resources": RESOURCES,
    "secrets": SECRETS,
    "user": {
        "type": ["string", "integer"],
        "format": "user",
        "description": "Who the worker runs as: `name`, `uid` or `user:group`.",
    },
    "volumes": VOLUMES,
}

INSTANCE = group({**_OVERRIDABLE, "state": _STATE}, "What is different for one instance.")

WORKER = group(
    {
        "name": formatted("name", "The worker's name, unique within the fleet."),
        "provider": formatted(
            "name", "The configured provider that runs it. May be left out when there is exactly one."
        ),
        "state": _STATE,
        "count": integer(
            "How many equal instances there are: `worker.NAME[0]`, `[1]`... Left out: one, called `worker.NAME`.",
            0,
            HIGHEST_COUNT,
        ),
        "image": formatted("image", "The container image."),
        "program": formatted(
            "text",
            "The executable: a path, or a name found on the PATH of the host. With `image` it takes the place of the image's entry "
            "point, and is a path or a name inside the image.",
        ),
        **_OVERRIDABLE,
        "env_visible": listed(
            {"type": "string", "format": "env_name"},
            "Names in `env` whose values are no secret and may be shown in plans.",
            uniqueItems=True,
            x_set=True,
        ),
        "env_from_host": listed(
            {"type": "string", "format": "env_name"},
            "Names of variables that are passed on from the environment of the host.",
            uniqueItems=True,
            x_set=True,
        ),
        "health": HEALTH,
        "init": flag(
            "Start a small init process first, which passes signals on to the worker and collects what its children leave. Without "
            "one, a program that does not handle SIGTERM is stopped only by the kill after its grace."
        ),
        "reload": RELOAD,
        "restart": RESTART,
        "network": NETWORK,
        "security": SECURITY,
        "log": LOG,
        "lifecycle": LIFECYCLE,
        "degrade": listed(
            {"type": "string"},
            "Field paths (`resources.memory`) that this worker may run without where the provider can't carry them.",
            uniqueItems=True,
            x_set=True,
        ),
        "depends_on": listed(
            {"type": "string", "format": "address"},
            "Workers (`db`, or one instance: `db[0]`) that must be up first, and go later.",
            uniqueItems=True,
            x_set=True,
        ),
        "instances": {
            "type": ["array", "object"],
            "items": INSTANCE,
            "propertyNames": {"type": "string", "format": "index", "x-key": True},
            "additionalProperties": INSTANCE,
            "default": {},
            "description": "What is different for single instances: a mapping by index, or a list in order. Mappings are merged, "
            "entries with a name (files: a path) are merged by it, everything else is replaced. Needs `count`.",
            "x-shorthand": "instances",
            "x-verbatim": True,
        },
    },
    "A worker.",
    required=("name",),
)


#: What only the engine reads: no part of a spec, so no change of it touches an object.
ENGINE_FIELDS = frozenset(
    ("name", "provider", "state", "count", "instances", "depends_on", "degrade", "lifecycle", "env_visible")
)


def spec_schema() -> Schema:
    """Return the schema of a spec: the fields of a worker that make an object what it is."""
    return {
        **WORKER,
        "properties": {k: v for k, v in WORKER["properties"].items() if k not in ENGINE_FIELDS},
        "required": [],
    }


def named(schema: Schema) -> Schema:
    """Return the schema of an entry of a mapping by name, where the key is the name."""
    return {**schema, "required": [name for name in schema.get("required", ()) if name != "name"]}
