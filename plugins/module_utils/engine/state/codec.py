# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records to database rows and back; pure, and the same for every SQL backend.

Each row ends with a CRC-32 of its other columns. SQLite keeps no checksum of its main file, so this is what turns a
flipped bit into an error that names the row instead of a wrong external id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from typing import Any
from zlib import crc32

from ...durable.connect import Subject
from ...model.address import parse_address
from ...model.errors import HodeiError, Kind
from ...model.records import Operation, Resource, Run
from ...model.states import Intent, WorkerState
from ...model.worker import Drain, Lifecycle

Row = tuple[Any, ...]

_LIFECYCLE = ("grace", "ttl", "prevent_destroy", "ignore_changes", "replace", "on_remove", "max_unavailable")


def checksum(values: Row) -> int:
    """CRC-32 of a row's values; only ``str``, ``int``, ``float`` and None, whose text is the same in each Python."""
    return crc32("\x1f".join(map(str, values)).encode())


def checked(row: Row, what: str) -> Row:
    """Return the row when its last column is the checksum of the others, else raise HodeiError(internal)."""
    if checksum(row[:-1]) != row[-1]:
        raise damaged(f"the record of {what} fails its checksum")
    return row


def damaged(message: str) -> HodeiError:
    """The error for state that can be opened but not believed."""
    return HodeiError(
        Kind.INTERNAL,
        f"the state is damaged: {message}; nothing was changed",
        hint="Restore a backup (hodei.workers.restore). Or move state.db, state.db-wal and state.db-shm away: with hodei_lineage "
        "in the document, the next converge rebuilds them from what runs.",
    )


#: What the messages of SQLite call it.
STATE = Subject("the state", "backend.path or HODEI_STATE_DIR", damaged)


def encode_resource(resource: Resource) -> Row:
    """Return the row of the resource table (``sql.py`` names its columns). Sequences inside ``spec`` become lists: JSON knows no tuples."""
    values = (
        str(resource.address),
        resource.generation,
        resource.provider,
        resource.external_id,
        resource.digest,
        resource.intent.value,
        resource.status.value,
        int(resource.deposed),
        int(resource.tainted),
        float(resource.created_at),
        float(resource.updated_at),
        _storable(resource.source),
        _dump(resource.spec),
        _dump(_written_lifecycle(resource.lifecycle)),
        _dump([str(address) for address in resource.dependencies]),
    )
    return (*values, checksum(values))


def decode_resources(rows: Sequence[Row]) -> tuple[Resource, ...]:
    """Return the resources of rows of the resource table.

    Equal JSON texts are decoded once, all in one call: the thousand instances of one worker share one (read-only) spec.
    """
    for row in rows:
        checked(row, str(row[0]))
    specs = _decoded({row[12] for row in rows})
    lifecycles = {text: _lifecycle(values) for text, values in _decoded({row[13] for row in rows}).items()}
    dependencies = {
        text: tuple(map(parse_address, names)) for text, names in _decoded({row[14] for row in rows}).items()
    }
    intents = {item.value: item for item in Intent}
    states = {item.value: item for item in WorkerState}
    return tuple(
        Resource(
            address=parse_address(row[0]),
            generation=row[1],
            provider=row[2],
            external_id=row[3],
            digest=row[4],
            intent=intents[row[5]],
            status=states[row[6]],
            deposed=bool(row[7]),
            tainted=bool(row[8]),
            created_at=row[9],
            updated_at=row[10],
            source=row[11],
            spec=specs[row[12]],
            lifecycle=lifecycles[row[13]],
            dependencies=dependencies[row[14]],
        )
        for row in rows
    )


def encode_operation(operation: Operation) -> Row:
    """Return the row of the operation table: what is known when an operation begins."""
    values = (
        operation.op_id,
        operation.run_id,
        str(operation.address),
        operation.generation,
        operation.verb,
        operation.provider,
        operation.digest,
        operation.native_name,
        float(operation.begun_at),
    )
    return (*values, checksum(values))


def decode_pending(row: Row) -> Operation:
    """Return the unresolved operation of an operation row."""
    checked(row, f"operation {row[0]}")
    return Operation(
        op_id=row[0],
        run_id=row[1],
        address=parse_address(row[2]),
        generation=row[3],
        verb=row[4],
        provider=row[5],
        digest=row[6],
        native_name=row[7],
        begun_at=row[8],
    )


def encode_run(run: Run) -> Row:
    """Return the row of the run table."""
    return (
        run.run_id,
        run.kind,
        float(run.started_at),
        None if run.ended_at is None else float(run.ended_at),
        run.result,
        run.document_digest,
        run.actor,
        _dump(run.summary),
        run.serial,
    )


def decode_run(row: Row) -> Run:
    """Return the run of a run row."""
    return Run(
        run_id=row[0],
        kind=row[1],
        started_at=row[2],
        ended_at=row[3],
        result=row[4],
        document_digest=row[5],
        actor=row[6],
        summary=json.loads(row[7]),
        serial=row[8],
    )


def encode_error(error: Mapping[str, Any] | None) -> str | None:
    """Return an operation's error (``HodeiError.as_dict``) as JSON text."""
    return None if error is None else _dump(error)


def error_message(text: str | None) -> str:
    """Return the message inside the JSON text of an error; empty when there was none."""
    return "" if text is None else str(json.loads(text).get("message", ""))


def _dump(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _storable(text: str) -> str:
    """Spell out what UTF-8 cannot hold: a file name on Linux may be any bytes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _written_lifecycle(lifecycle: Lifecycle) -> dict[str, Any]:
    """What is not set is left out, so that an earlier version can still read what it knows."""
    found = {name: getattr(lifecycle, name) for name in _LIFECYCLE}
    return found if lifecycle.drain is None else {**found, "drain": lifecycle.drain.written()}


def _lifecycle(values: dict[str, Any]) -> Lifecycle:
    drain = Drain.read(values["drain"]) if "drain" in values else None
    return Lifecycle(**{**values, "ignore_changes": tuple(values["ignore_changes"]), "drain": drain})


def _decoded(texts: Set[str]) -> dict[str, Any]:
    ordered = list(texts)
    return dict(zip(ordered, json.loads(f"[{','.join(ordered)}]"), strict=True))
