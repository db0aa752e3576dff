# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of the SQLite backend, beside the column lists that ``codec.py`` packs; values are always parameters."""
# ruff: noqa: S608  (only constants of this file are put together)

from __future__ import annotations

from .head import Head


def _columns(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


_HEAD = (*Head._fields, "crc")
_RESOURCE = _columns(
    "address, generation, provider, external_id, digest, intent, status, deposed, tainted, created_at, updated_at, "
    "source, spec, lifecycle, dependencies, crc"
)
_OPERATION = _columns("op_id, run_id, address, generation, verb, provider, digest, native_name, begun_at, crc")
_ANCHOR = _columns("writer, seq, hash, crc")
_MEMORY = _columns("name, value, crc")
_RUN = _columns("run_id, kind, started_at, ended_at, result, document_digest, actor, summary, serial")


def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _select(table: str, columns: tuple[str, ...]) -> str:
    return f"SELECT {', '.join(columns)} FROM {table}"


def _upsert(table: str, columns: tuple[str, ...], *key: str) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return f"{_insert(table, columns)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"


HEAD = _select("head", _HEAD)
ADD_HEAD = _insert("head", ("id", *_HEAD)).replace("?", "1", 1)
SET_HEAD = f"UPDATE head SET {', '.join(f'{name} = ?' for name in _HEAD)}"

RESOURCES = _select("resource", _RESOURCE)
RESOURCE_CRC = "SELECT crc FROM resource WHERE address = ? AND generation = ?"
DROP_RESOURCE = "DELETE FROM resource WHERE address = ? AND generation = ?"
PUT_RESOURCE = _upsert("resource", _RESOURCE, "address", "generation")

ADD_OPERATION = _insert("operation", (*_OPERATION, "at"))
PENDING = f"{_select('operation', _OPERATION)} WHERE ended_at IS NULL ORDER BY seq"
PENDING_CRC = "SELECT crc FROM operation WHERE op_id = ? AND ended_at IS NULL"
END_OPERATION = "UPDATE operation SET ended_at = ?, error = ?, at = ? WHERE op_id = ?"
OPERATIONS = _select("operation", _columns("at, address, verb, ended_at, error, run_id, generation, provider"))
LATEST_OPERATIONS = f"{OPERATIONS} ORDER BY at DESC, seq DESC LIMIT ?"
LATEST_OPERATIONS_OF = f"{OPERATIONS} WHERE address = ? ORDER BY at DESC, seq DESC LIMIT ?"

ADD_RUN = _insert("run", _RUN)
PUT_RUN = _upsert("run", _RUN, "run_id")
LATEST_RUNS = f"{_select('run', _RUN)} ORDER BY seq DESC LIMIT ?"

ANCHORS = _select("anchor", _ANCHOR)
PUT_ANCHOR = _upsert("anchor", _ANCHOR, "writer")
DROP_ANCHORS = "DELETE FROM anchor"

MEMORY = _select("memory", _MEMORY)
PUT_MEMORY = _upsert("memory", _MEMORY, "name")
DROP_MEMORY = "DELETE FROM memory WHERE name = ?"

TRIM_RUNS = "DELETE FROM run WHERE started_at < ? OR seq <= (SELECT max(seq) FROM run) - ?"
TRIM_OPERATIONS_BEFORE_RUNS = (
    "DELETE FROM operation WHERE ended_at IS NOT NULL AND at < (SELECT min(started_at) FROM run)"
)
TRIM_OPERATIONS = "DELETE FROM operation WHERE ended_at IS NOT NULL AND seq <= (SELECT max(seq) FROM operation) - ?"
