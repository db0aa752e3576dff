# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings: each from an argument, an Ansible variable, the environment or a default, in this order, and always with its source.

The upper-case names are table 16 of the blueprint; `rate_limits` is JSON such as `{"wpm": 100, "ops": 50}`: workers created per
minute and calls per second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .errors import HodeiError, Kind
from .quantities import parse_duration


class Setting(NamedTuple):
    """A value and where it comes from: `argument`, `variable hodei_owner`, `environment HODEI_OWNER` or `default`."""

    value: Any
    source: str


class Known(NamedTuple):
    """What there is to know of a setting.

    ``environment`` lists the variables that may hold it, the first that is set wins; ``default`` is as a user would write it.
    """

    environment: tuple[str, ...]
    default: Any
    description: str
    read: Callable[[Any], Any] = str


def _duration(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("a duration such as 30s")
    try:
        seconds = parse_duration(value)
    except ValueError:
        raise ValueError("a duration such as 30s") from None
    if seconds == 0:
        raise ValueError("a duration above zero, such as 30s")
    return seconds


def _rate_limits(value: Any) -> dict[str, int]:
    wanted = 'JSON such as {"wpm": 100, "ops": 50}, with whole numbers above zero'
    if isinstance(value, str):
        import json

        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(wanted) from None
    if not isinstance(value, dict) or not value or value.keys() - {"wpm", "ops"}:
        raise ValueError(wanted)
    if any(isinstance(limit, bool) or not isinstance(limit, int) or limit < 1 for limit in value.values()):
        raise ValueError(wanted)
    return dict(value)


def _urls(value: Any) -> list[str]:
    urls = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(urls, list) or not all(isinstance(url, str) and "://" in url for url in urls):
        raise ValueError("URLs, separated by commas")
    return urls


def _vault_auth(value: Any) -> str:
    if value not in ("token", "approle", "jwt"):
        raise ValueError("token, approle or jwt")
    return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text")
    return value


SETTINGS: dict[str, Known] = {
    "owner": Known(("HODEI_OWNER",), None, "Whose fleet this is.", _text),
    "lineage": Known(("HODEI_LINEAGE",), None, "The fleet's identity.", _text),
    "state_dir": Known(
        ("HODEI_STATE_DIR",),
        None,
        "Where state lies. Default: `$XDG_STATE_HOME/hodei`, else `~/.local/state/hodei`.",
        _text,
    ),
    "default_timeout": Known(
        ("DEFAULT_TIMEOUT",), "30s", "How long one call to a provider or store may take.", _duration
    ),
    "rate_limits": Known(
        ("RATE_LIMITS",),
        {"wpm": 100, "ops": 50},
        "Most workers created per minute and calls per second, for providers that are not on this machine.",
        _rate_limits,
    ),
    "kubeconfig": Known(("KUBECONFIG",), None, "Path of the kubeconfig (Kubernetes).", _text),
    "docker_host": Known(("DOCKER_HOST",), "unix:///var/run/docker.sock", "Endpoint of the Docker engine.", _text),
    "vault_addr": Known(("VAULT_ADDR",), None, "URL of Vault or OpenBao.", _text),
    "vault_auth": Known(("VAULT_AUTH",), "token", "How to log in to Vault: token, approle or jwt.", _vault_auth),
    "aws_region": Known(("AWS_REGION",), None, "Region of AWS.", _text),
    "nats_urls": Known(("NATS_URLs", "NATS_URLS"), None, "Endpoints of NATS, separated by commas.", _urls),
    "keycloak_url": Known(("KEYCLOAK_URL",), None, "Base URL of Keycloak.", _text),
    "avp_policy_store": Known(("AVP_POLICY_STORE",), None, "Policy store of Amazon Verified Permissions.", _text),
}


def resolve(name: str, argument: Any, variable: Any, environ: Mapping[str, str]) -> Setting:
    """Return a setting and its source; ``variable`` is the value of `hodei_<name>`, None when not set.

    Raises HodeiError(configuration) when the value that wins can't be read, naming its source and never the value.
    """
    known = SETTINGS[name]
    value, source = _first(name, known, argument, variable, environ)
    if value is None:
        return Setting(None, source)
    try:
        return Setting(known.read(value), source)
    except ValueError as error:
        raise HodeiError(
            Kind.CONFIGURATION, f"the setting {name} ({source}) cannot be read", hint=f"It takes {error}."
        ) from None


def state_directory(setting: Setting, environ: Mapping[str, str], home: str) -> str:
    """Return the directory under which each owner's state has its own; ``home`` is the user's home directory."""
    if setting.value:
        return str(setting.value)
    base = environ.get("XDG_STATE_HOME", "")
    return f"{base}/hodei" if base.startswith("/") else f"{home}/.local/state/hodei"


def _first(name: str, known: Known, argument: Any, variable: Any, environ: Mapping[str, str]) -> tuple[Any, str]:
    if argument is not None:
        return argument, "argument"
    if variable is not None:
        return variable, f"variable hodei_{name}"
    for key in known.environment:
        if environ.get(key):
            return environ[key], f"environment {key}"
    return known.default, "default"
