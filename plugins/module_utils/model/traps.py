# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What YAML made of a value that was meant otherwise, and how to write it instead.

YAML 1.1, which PyYAML and so Ansible read, has truth values `yes`, `no`, `on` and `off`, octal numbers with a leading zero,
base-60 numbers with colons, and floats only with a dot (https://yaml.org/type/).
"""

from __future__ import annotations

import datetime
import re
from typing import Any

from .schema import Schema

_COMMON_MODES = frozenset(
    (
        0o400,
        0o440,
        0o444,
        0o500,
        0o550,
        0o555,
        0o600,
        0o640,
        0o644,
        0o660,
        0o664,
        0o666,
        0o700,
        0o750,
        0o755,
        0o770,
        0o775,
        0o777,
    )
)

#: How one of those looks that people write as text or as a mapping of their own.
SHAPES = {
    "ports": "{name: http, container: 8080}",
    "volumes": "{name: data, path: data}",
    "files": "{path: etc/app.toml, content: ...}",
    "health": "{http: {path: /, port: http}}",
    "lifecycle": "{grace: 30s}",
    "drain": "{signal: SIGQUIT}",
}


def type_name(value: Any) -> str:
    """Name the type of a value as YAML's readers know it, without the value."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a number with a fraction"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (datetime.date, datetime.time)):
        return "a date or time"
    return f"a value of type {type(value).__name__}"


def cure(value: Any, schema: Schema, path: tuple[str | int, ...]) -> str:
    """Say how to write a value of the wrong type; empty when there is nothing to say beyond what was expected."""
    if value is None:
        return "write a value after the colon, or remove the line"
    wanted = schema.get("type", ())
    wanted = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    quiet = bool(schema.get("x-sensitive"))
    if value is False and ("never" in schema.get("enum", ()) or schema.get("format") == "restart_policy"):
        return "write never (YAML reads an unquoted no as false)"
    if isinstance(value, dict):
        return _for_mapping(wanted, path)
    if isinstance(value, list):
        return _for_list(path, wanted)
    if isinstance(value, str):
        return _for_text(value, wanted, path, quiet)
    if schema.get("format") == "mode" and isinstance(value, int):
        return f'write it in quotes: "{_meant_mode(value)}" (YAML reads unquoted digits as a number)'
    if "string" in wanted:
        return _quotes(value, quiet, "integer" in wanted)
    if isinstance(value, bool) and wanted == ("array",):
        return "write a list, [] for an empty one"
    if "object" in wanted and isinstance(value, int) and not isinstance(value, bool):
        return _port_entry(str(value), path) + _base_60(value)
    return ""


def key_cure(key: Any) -> str:
    """Say how to write a key that is not text."""
    if isinstance(key, bool):
        return "YAML reads the words yes, no, on and off as true and false, keys too; put the key in quotes"
    return "put the key in quotes"


def _quotes(value: Any, quiet: bool, integers: bool) -> str:
    if isinstance(value, bool):
        return 'YAML reads yes, no, on and off as true and false; put the word in quotes: "yes"'
    if isinstance(value, float):
        return 'put it in quotes, or a version such as "1.10" loses its last digit'
    if isinstance(value, int) and not integers:
        return ("put it in quotes; a template needs | string" if quiet else f'put it in quotes: "{value}"') + (
            "" if quiet else _base_60(value)
        )
    if isinstance(value, datetime.date):
        return 'YAML reads this as a date; put it in quotes, as in "2026-01-31"'
    return "put it in quotes"


def _base_60(value: int) -> str:
    if not 60 <= value < 3600:
        return ""
    return f" (if you wrote {value // 60}:{value % 60:02d}: YAML reads that as a number to the base 60)"


def _meant_mode(value: int) -> str:
    decimal = str(value)
    as_octal = int(decimal, 8) if re.fullmatch("[0-7]{3}", decimal) else -1
    if value not in _COMMON_MODES and as_octal in _COMMON_MODES:
        return decimal.zfill(4)
    return f"{value:04o}"


def _for_mapping(wanted: tuple[str, ...], path: tuple[str | int, ...]) -> str:
    if "array" in wanted and "string" not in wanted:
        shape = SHAPES.get(str(path[-1])) if path else None
        return f"write a list of them: [{shape}]" if shape else "write a list: - ..."
    if path and isinstance(path[-1], int):
        return "put text that holds ': ' in quotes"
    return "this value has no fields of its own"


def _for_list(path: tuple[str | int, ...], wanted: tuple[str, ...]) -> str:
    if path and path[-1] in ("env", "labels"):
        return "write NAME: value lines instead of a list of NAME=value"
    return "write one value instead of a list" if "object" not in wanted else "write a mapping: KEY: value"


def _for_text(value: str, wanted: tuple[str, ...], path: tuple[str | int, ...], quiet: bool) -> str:
    if wanted == ("array",):
        if path and path[-1] == "command":
            return 'write its words as a list: ["program", "argument"], or ["sh", "-c", "..."] for a shell'
        return f"write a list: [{value}]" if value.isprintable() and not quiet else "write a list: - ..."
    if "integer" in wanted or "number" in wanted:
        if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?[eE][+-]?[0-9]+", value) and abs(number := float(value)) < 1e15:
            return f"YAML reads {value} as text; write {number:.15g}"
        return "" if quiet or "string" in wanted else "write it in digits, such as 2"
    if wanted == ("boolean",):
        meant = {"yes": "true", "on": "true", "no": "false", "off": "false", "true": "true", "false": "false"}
        return f"write {meant[value.lower()]} without quotes" if value.lower() in meant else "write true or false"
    if "object" in wanted:
        shape = next((SHAPES[str(step)] for step in path[:-3:-1] if step in SHAPES), "KEY: value")
        return _port_entry(value, path) or ("write NAME: value lines" if quiet else f"write a mapping: {shape}")
    return ""


def _port_entry(value: str, path: tuple[str | int, ...]) -> str:
    """Turn Compose's `8080:80` into our form."""
    match = re.fullmatch(r"(?:(?P<host>[0-9]+):)?(?P<container>[0-9]+)(?:/(?P<protocol>tcp|udp))?", value)
    if match is None or "ports" not in path[-2:]:
        return ""
    host = f", host: {match['host']}" if match["host"] else ""
    protocol = f", protocol: {match['protocol']}" if match["protocol"] else ""
    return f"write {{name: http, container: {match['container']}{host}{protocol}}}, with a name of your choice"
