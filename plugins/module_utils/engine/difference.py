# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between two specs, field by field; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from ..model.carry import Column, OnChange, cell
from ..model.change import FieldChange
from ..model.normal import HIDDEN_PREFIX
from ..model.worker import Drain, Lifecycle, Spec


def differences(before: Spec, after: Spec, column: Column, ignore: Iterable[str] = ()) -> tuple[FieldChange, ...]:
    """List the fields that differ, in path order, each with what it forces.

    Mappings are walked (``env.DEBUG``), lists are one value. A path in ``ignore`` covers what lies below it.
    """
    ignored = tuple(ignore)
    return tuple(
        FieldChange(path, old, new, _forces_replace(column, path))
        for path, old, new in _walk("", before, after)
        if not covered(path, ignored)
    )


def drift_differences(
    drift: Mapping[str, Any], wanted: Spec, column: Column, ignore: Iterable[str] = ()
) -> tuple[FieldChange, ...]:
    """List the fields that somebody changed on the native object: observed value first, then the one of the document.

    What is seen of an environment is never shown, unless the document shows that value itself.
    """
    ignored = tuple(ignore)
    return tuple(
        FieldChange(path, _shown(path, drift[path], value), value, _forces_replace(column, path))
        for path in sorted(drift)
        if not covered(path, ignored)
        for value in (_at(wanted, path),)
    )


def hides(change: FieldChange) -> bool:
    """Tell whether a change is one of a value that is known by its keyed digest only."""
    return _is_hidden(change.before) or _is_hidden(change.after)


def covered(path: str, ignored: Iterable[str]) -> bool:
    """Tell whether a path lies at or below one of others."""
    return any(path == one or path.startswith(f"{one}.") for one in ignored)


def lifecycle_differences(before: Lifecycle, after: Lifecycle) -> tuple[FieldChange, ...]:
    """List the lifecycle settings that differ; none of them ever forces a replacement."""
    if before == after:
        return ()
    return tuple(
        FieldChange(path, old, new)
        for one in fields(Lifecycle)
        for path, old, new in _walk(
            f"lifecycle.{one.name}", _plain(getattr(before, one.name)), _plain(getattr(after, one.name))
        )
    )


def _plain(value: Any) -> Any:
    """Use the types that JSON gives back, so that a saved change equals a fresh one."""
    if isinstance(value, Drain):
        return value.written()
    return list(value) if isinstance(value, tuple) else value


def _walk(prefix: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            path = f"{prefix}.{key}" if prefix else str(key)
            yield from _walk(path, before.get(key), after.get(key))
    elif isinstance(before, Mapping) and after is None:
        yield from _walk(prefix, before, {})
    elif before is None and isinstance(after, Mapping):
        yield from _walk(prefix, {}, after)
    else:
        yield prefix, before, after


def _forces_replace(column: Column, path: str) -> bool:
    return cell(column, path).on_change is OnChange.REPLACE


def _at(spec: Any, path: str) -> Any:
    """Find the value of a field path; the user's own keys may hold dots, as a file's path does."""
    head, dot, rest = path.partition(".")
    while isinstance(spec, Mapping):
        if head in spec and (not dot or (found := _at(spec[head], rest)) is not None):
            return spec[head] if not dot else found
        if not dot:
            return None
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None


def _shown(path: str, seen: Any, wanted: Any) -> Any:
    if not covered(path, ("env",)) or seen is None:
        return seen
    if isinstance(seen, Mapping):
        inner = wanted if isinstance(wanted, Mapping) else {}
        return {name: _shown(f"{path}.{name}", value, inner.get(name)) for name, value in seen.items()}
    return seen if wanted is not None and not _is_hidden(wanted) else f"{HIDDEN_PREFIX}changed"


def _is_hidden(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(HIDDEN_PREFIX)
