# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configs and secrets of a project: each is a file of the workers that it is given to, or a secret of a store."""

from __future__ import annotations

import base64
from typing import Any

from .blocks import Block
from .fields import Fields
from .mounts import mode_of
from .project import Loader, Project
from .reasons import CONFIG

_FOLDER = {"configs": "", "secrets": "/run/secrets"}
_ONE = {"configs": "config", "secrets": "secret"}
_SOURCES = ("file", "content", "environment")


class Delivered:
    """The configs or the secrets of one project, by ``kind``."""

    def __init__(self, kind: str, project: Project, loader: Loader) -> None:
        self._kind, self._project, self._loader = kind, project, loader
        self._top = project.top.below(kind)
        self._known = [name for name in self._top.block if not name.startswith("x-")]
        self._read: dict[str, dict[str, str] | None] = {}

    def of(self, service: Fields) -> list[dict[str, Any]]:
        """Return the files of a worker, and the entries of those of its secrets that are external: they lie in a store."""
        found = []
        for item, spot, path in service.items(self._kind):
            block = item
            if not isinstance(item, Block):
                block = Block()
                block.put("source", item, spot or service.at(self._kind))  # type: ignore[arg-type]
            fields = Fields(block, path, service.notes, spot)
            name = fields.text("source")
            target, mode = fields.text("target", name), fields.take("mode")
            user, group = fields.text("uid"), fields.text("gid")
            fields.end({}, "source target mode uid gid")
            if name not in self._known:
                fields.wrong("source", f"there is no {_ONE[self._kind]} '{name}'", f"add it to {self._kind} at the top")
                continue
            held = self._held(name)
            if held is None:
                fields.notes.left_out(
                    spot, path, f"what {_ONE[self._kind]} '{name}' holds is not known", "give it a file:"
                )
                continue
            entry: dict[str, Any] = dict(held)
            if "secret" in held:
                entry |= {"file": target} | ({} if mode is None else {"mode": mode_of(mode)})
            else:
                entry["path"] = target if target.startswith("/") else f"{_FOLDER[self._kind]}/{target}"
                entry["mode"] = "0444" if mode is None else mode_of(mode)
            if user or group:
                entry["owner"] = f"{user or 0}:{group or 0}"
            found.append(entry)
        return found

    def _held(self, name: str) -> dict[str, str] | None:
        """Return what one holds, as a file has it, or which secret of a store it is; read once."""
        if name not in self._read:
            self._read[name] = self._outside(name) or self._inside(self._top.below(name))
        return self._read[name]

    def _outside(self, name: str) -> dict[str, str] | None:
        fields = self._top.below(name)
        outside, called = fields.external() if self._kind == "secrets" else (False, "")
        if not outside:
            return None
        hint = "put it there: hodei_secrets, or the module secret"
        fields.differs("external", "it lies in a store of the fleet", hint)
        fields.end(CONFIG, "name external")
        return {"secret": called or name}

    def _inside(self, fields: Fields) -> dict[str, str] | None:
        given = [key for key in _SOURCES if key in fields]
        if len(given) > 1:
            fields.wrong(given[1], f"{' and '.join(given)} cannot be given together", "keep one of them")
        held = self._content(fields, given[0]) if given else None
        for key in given:
            fields.take(key)
        fields.end(CONFIG, " ".join(_SOURCES))
        return held

    def _content(self, fields: Fields, key: str) -> dict[str, str] | None:
        written = fields.text(key)
        if key == "content":
            return {"content": written}
        if key == "environment":
            if written not in self._project.variables:
                fields.wrong(key, f"the variable {written} is not set", f"set {written} in the environment, or in .env")
            return {"content": self._project.variables.get(written, "")}
        content = self._loader.content(written, fields.at(key), fields.under(key))
        if content is None:
            return None
        try:
            return {"content": content.decode()}
        except UnicodeDecodeError:
            return {"content_base64": base64.b64encode(content).decode()}

    def unused(self) -> None:
        """Tell which of them no worker is given."""
        for name in self._known:
            if name not in self._read:
                self._top.left_out(name, "no service that is converted is given it", "leave it out")
