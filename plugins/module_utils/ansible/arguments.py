# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task's options as values: durations, sizes, and the lease that every writing module takes in the same words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict, TypeVar

from ..model.errors import InvalidDocument, Problem
from ..model.quantities import parse_duration, parse_size

Number = TypeVar("Number", int, float)


class LeaseSettings(TypedDict):
    """How to take the lease; times in seconds."""

    lease_ttl: float
    lease_timeout: float
    break_lease: bool


def lease_settings(params: Mapping[str, Any]) -> LeaseSettings:
    """Read the options of ``spec.LEASE``; the same defaults hold for a module that does not take them."""
    return {
        "lease_ttl": seconds(params, "lease_ttl", 30.0),
        "lease_timeout": seconds(params, "lease_timeout", 60.0),
        "break_lease": bool(params.get("break_lease")),
    }


def seconds(params: Mapping[str, Any], name: str, default: float = 0.0) -> float:
    """Read an option that is a duration; ``default`` where it is not given. Raises InvalidDocument."""
    return _read(params, name, default, parse_duration, "a duration such as 30s, 5m or 2h")


def octets(params: Mapping[str, Any], name: str, default: int = 0) -> int:
    """Read an option that is a size in bytes. Raises InvalidDocument."""
    return _read(params, name, default, parse_size, "a size such as 64Ki or 1Mi")


def _read(
    params: Mapping[str, Any], name: str, default: Number, parse: Callable[[Any], Number], example: str
) -> Number:
    text = params.get(name)
    if text is None:
        return default
    try:
        return parse(text)
    except ValueError as error:
        raise InvalidDocument([Problem(name, f"'{text}' is {error}", f"write {example}")]) from None
