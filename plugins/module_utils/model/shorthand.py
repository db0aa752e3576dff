# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The short forms that a document may use, and the long form that each of them means."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any


def _restart(value: Any) -> Any:
    return {"policy": value} if isinstance(value, str) else value


def _generated(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


def _ulimit(value: Any) -> Any:
    return value if isinstance(value, dict) else {"soft": value, "hard": value}


def _health(value: Any) -> Any:
    if "https" not in value:
        return value
    rest = {name: inner for name, inner in value.items() if name != "https"}
    return {**rest, "http": {**value["https"], "scheme": "https"}}


def _network_rule(value: Any) -> Any:
    ports = [value["port"]] if "port" in value else value.get("ports")
    if not ports:
        return value
    rest = {name: inner for name, inner in value.items() if name != "port" and (name, inner) != ("protocol", "tcp")}
    return {**rest, "ports": ports}


def _capabilities(value: Any) -> Any:
    return ["ALL"] if isinstance(value, str) else value


def _instances(value: Any) -> Any:
    if isinstance(value, list):
        value = {str(index): override for index, override in enumerate(value)}
    return {index: override for index, override in value.items() if override}


def _file(value: Any) -> Any:
    """One way to write a path, and what is text as text: the same file is the same, however it was written."""
    path = value["path"]
    absolute = "/" if path.startswith("/") else ""
    found = {**value, "path": absolute + "/".join(part for part in path.split("/") if part not in ("", "."))}
    encoded = found.get("content_base64")
    if encoded is not None:
        data = binascii.a2b_base64(encoded)
        found["content_base64"] = binascii.b2a_base64(data, newline=False).decode("ascii")
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return found
        if "\0" not in text:
            del found["content_base64"]
            found["content"] = text
    return found


SHORTHANDS: dict[str, Callable[[Any], Any]] = {
    "restart": _restart,
    "generated": _generated,
    "ulimit": _ulimit,
    "health": _health,
    "network_rule": _network_rule,
    "capabilities": _capabilities,
    "instances": _instances,
    "file": _file,
}
