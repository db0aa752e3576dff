# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Compose files to one project: variables, overrides, `extends`, `include` and profiles. Files are read by what is handed in."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from .blocks import Block, Rows, Spot, each_value, read
from .fields import Fields, Notes, kind_of, text_of
from .merging import cleared, merge
from .variables import Unreadable, expand, parse_env

FILE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
OVERRIDES = tuple(name.replace("compose.y", "compose.override.y") for name in FILE_NAMES)
RESOURCES = ("services", "volumes", "networks", "configs", "secrets")

#: Returns what a file holds. Raises OSError.
ReadFile = Callable[[str], bytes]


class Project(NamedTuple):
    """What Compose files come to; ``variables`` is what is known of the environment."""

    name: str
    top: Fields
    services: Block
    variables: Mapping[str, str]


class Source(NamedTuple):
    """Where relative paths of some files begin, and what their variables are."""

    directory: str
    variables: Mapping[str, str]


class Loader:
    """Reads the files of one project."""

    def __init__(self, read_file: ReadFile, notes: Notes) -> None:
        self._read_file = read_file
        self._notes = notes
        self._open: list[str] = []
        self._home = ""

    def project(self, paths: Sequence[str], environ: Mapping[str, str], profiles: Iterable[str]) -> Project:
        """Read the files that were named. Raises InvalidDocument."""
        found = self._named(paths)
        self._home = directory = os.path.dirname(found[0])
        variables = {**self._dotenv([os.path.join(directory, ".env")], environ, optional=True), **environ}
        block = self.load(found, Source(directory, variables))
        self._notes.check()
        top = Fields(block, "", self._notes)
        services = self._active(top, [*profiles, *_words(variables.get("COMPOSE_PROFILES", ""))])
        written = top.text("name")
        name = variables.get("COMPOSE_PROJECT_NAME") or written or os.path.basename(directory)
        return Project(project_name(name), top, services, variables)

    def _named(self, paths: Sequence[str]) -> list[str]:
        """A directory stands for the files that Compose finds in it."""
        paths = [os.path.abspath(path) for path in paths]
        if len(paths) == 1 and os.path.splitext(paths[0])[1] not in (".yml", ".yaml", ".json"):
            inside = [os.path.join(paths[0], name) for name in FILE_NAMES]
            base = next((path for path in inside if self.there(path)), None)
            if base is not None:
                over = (os.path.join(paths[0], name) for name in OVERRIDES)
                return [base, *[path for path in over if self.there(path)][:1]]
        return list(paths)

    def _shown(self, path: str) -> str:
        """Name a file as people see it who stand beside the first one."""
        below = os.path.join(self._home, "")
        return path.removeprefix(below) if path.startswith(below) else path

    def there(self, path: str) -> bool:
        try:
            self._read_file(path)
        except OSError:
            return False
        return True

    def text(self, path: str, spot: Spot | None, field: str) -> str | None:
        """Read a text that a Compose file names; None when that was a problem."""
        content = self.content(path, spot, field)
        if content is None:
            return None
        try:
            return content.decode()
        except UnicodeDecodeError:
            self._notes.wrong(spot, field, f"{self._shown(path)} is no text in UTF-8", "save the file as UTF-8")
            return None

    def content(self, path: str, spot: Spot | None, field: str) -> bytes | None:
        """Read a file that a Compose file names; None when that was a problem."""
        try:
            return self._read_file(path)
        except OSError as error:
            why = error.strerror or "it cannot be read"
            self._notes.wrong(
                spot,
                field,
                f"{self._shown(path)}: {why[:1].lower()}{why[1:]}",
                "correct the path; it begins at the file that names it",
            )
            return None

    # ---- files -------------------------------------------------------------------------------------------------------

    def load(self, paths: Sequence[str], source: Source) -> Block:
        """Read files, each over the one before it, with what they include."""
        whole = Block()
        self._open += paths
        for path in paths:
            for document in self._documents(path, source, None, ""):
                whole = merge(whole, document)
        included = whole.pop("include", None)
        if isinstance(included, (Rows, str)):
            for one, spot in (
                included if isinstance(included, Rows) else Rows([included], [whole.at["include"]])
            ).spotted():
                self._include(whole, one, spot, source)
        elif included is not None:
            self._notes.wrong(
                whole.at["include"],
                "include",
                f"expected a list, got {kind_of(included)}",
                "write `- path` lines below it",
            )
        del self._open[-len(paths) :]
        return whole

    def _documents(self, path: str, source: Source, spot: Spot | None, field: str) -> list[Block]:
        text = self.text(path, spot, field)
        if text is None:
            return []
        documents = []
        for content in read(text, self._shown(path)):
            if isinstance(content, Block):
                block = _absolute(self._expanded(content, source), source.directory)
                documents.append(self._extended(block, path, source))
            elif content is not None:
                self._notes.wrong(
                    Spot(self._shown(path), 1),
                    "",
                    f"expected a mapping, got {kind_of(content)}",
                    "write `services:` and what belongs below it",
                )
        return documents

    def _expanded(self, block: Block, source: Source) -> Block:
        def change(value: Any, spot: Spot | None) -> Any:
            if not isinstance(value, str) or "$" not in value:
                return value
            try:
                return expand(value, source.variables, lambda name: self.unset(name, spot))
            except Unreadable as error:
                self._notes.wrong(spot, "", str(error), error.hint)
                return value

        result: Block = each_value(block, change)
        return result

    def unset(self, name: str, spot: Spot | None) -> None:
        self._notes.differs(
            spot,
            f"${{{name}}}",
            "the variable is not set, so it is empty",
            f"set it in the environment or in .env, or write ${{{name}:-default}}",
        )

    def _dotenv(self, paths: Sequence[str], environ: Mapping[str, str], *, optional: bool = False) -> dict[str, str]:
        found: dict[str, str] = {}
        for path in paths:
            if optional and not self.there(path):
                continue
            text = self.text(path, None, "")
            try:
                read_here = parse_env(
                    text or "", {**found, **environ}, partial(self.unset, spot=Spot(self._shown(path), 1))
                )
            except Unreadable as error:
                self._notes.wrong(Spot(self._shown(path), 1), "", str(error), error.hint)
                continue
            found.update({name: value for name, value in read_here.items() if value is not None})
        return found

    # ---- include and extends -----------------------------------------------------------------------------------------

    def _include(self, whole: Block, one: Any, spot: Spot, source: Source) -> None:
        entry = one
        if not isinstance(one, Block):
            entry = Block()
            entry.put("path", one, spot)
        fields = Fields(entry, "include", self._notes, spot)
        paths = [os.path.normpath(os.path.join(source.directory, text_of(one[0]))) for one in fields.items("path")]
        if not paths:
            return fields.wrong("path", "an include needs the path of a file", "write `path: FILE`")
        directory = os.path.join(source.directory, fields.text("project_directory") or os.path.dirname(paths[0]))
        named = [os.path.join(source.directory, text_of(one[0])) for one in fields.items("env_file")]
        fields.end({}, "path project_directory env_file")
        if any(path in self._open for path in paths):
            return self._notes.wrong(
                spot, "include", "files include each other in a circle", "remove one of the includes"
            )
        own = self._dotenv(named or [os.path.join(directory, ".env")], source.variables, optional=not named)
        block = self.load(paths, Source(os.path.normpath(directory), {**own, **source.variables}))
        return self._take_in(whole, block, spot)

    def _take_in(self, whole: Block, block: Block, spot: Spot) -> None:
        for kind in RESOURCES:
            mine, theirs = whole.get(kind), block.get(kind)
            if not isinstance(theirs, Block):
                continue
            result = mine.like() if isinstance(mine, Block) else Block()
            for name, value in theirs.items():
                if name in result and result[name] != value:
                    message = f"it is defined here and in {theirs.at[name]}"
                    self._notes.wrong(
                        result.at[name], f"{kind}.{name}", message, "rename one of them, or lay files over each other"
                    )
                else:
                    result.put(name, value, theirs.at[name])
            whole.put(kind, result, whole.at.get(kind, spot))

    def _extended(self, block: Block, path: str, source: Source) -> Block:
        services = block.get("services")
        if not isinstance(services, Block):
            return block
        result, done = block.like(), services.like()
        for name in services:
            done[name] = self._service(services, name, source, (f"{path}:{name}",))
        result["services"] = done
        return result

    def _service(self, services: Block, name: str, source: Source, chain: tuple[str, ...]) -> Any:
        """Return a service laid over what it extends; ``chain`` is what led to it."""
        service = services[name]
        if not isinstance(service, Block) or service.get("extends") is None:
            return service
        spot, field = service.at["extends"], f"services.{name}.extends"
        own = service.like()
        written = own.pop("extends")
        if not isinstance(written, Block):
            written, named = Block(), written
            written.put("service", named, spot)
        fields = Fields(written, field, self._notes, spot)
        wanted, path = fields.text("service"), fields.text("file")
        fields.end({}, "service file")
        family, origin, full = services, source, chain[-1].rpartition(":")[0]
        if path:
            full = os.path.normpath(os.path.join(source.directory, path))
            origin = Source(os.path.dirname(full), source.variables)
            family = next((one["services"] for one in self._plain(full, origin, spot, field)), Block())
        here = f"{full}:{wanted}"
        if here in chain:
            self._notes.wrong(spot, field, "services extend each other in a circle", "remove one of the extends")
            return own
        if wanted not in family:
            if family or not path:
                hint = f"the services there are {', '.join(family) or 'none'}"
                self._notes.wrong(
                    spot, field, f"there is no service '{wanted}'" + (f" in {path}" if path else ""), hint
                )
            return own
        return merge(self._service(family, wanted, origin, (*chain, here)), own)

    def _plain(self, path: str, source: Source, spot: Spot, field: str) -> list[Block]:
        """Read a file whose services are extended, but do not extend there yet."""
        text = self.text(path, spot, field)
        blocks = [
            one
            for one in read(text or "", self._shown(path))
            if isinstance(one, Block) and isinstance(one.get("services"), Block)
        ]
        return [_absolute(self._expanded(block, source), source.directory) for block in blocks]

    # ---- profiles ----------------------------------------------------------------------------------------------------

    def _active(self, top: Fields, profiles: Collection[str]) -> Block:
        services = top.take("services")
        result = Block()
        if services is None:
            self._notes.wrong(
                Spot("", 0) if top.spot is None else top.spot,
                "services",
                "there are no services",
                "name the Compose file that has some",
            )
            return result
        if not isinstance(services, Block):
            top.wrong("services", f"expected a mapping, got {kind_of(services)}", "write `NAME:` lines below it")
            return result
        for name, service in services.items():
            service = cleared(service)
            wanted = service.get("profiles") if isinstance(service, Block) else None
            listed = [text_of(one) for one in (wanted if isinstance(wanted, Rows) else [wanted])] if wanted else []
            if listed and "*" not in profiles and not set(listed) & set(profiles):
                hint = f"convert with profiles: [{listed[0]}] to have it"
                self._notes.left_out(
                    services.at[name], f"services.{name}", f"no profile of it is active ({', '.join(listed)})", hint
                )
                continue
            result.put(name, service, services.at[name])
        return result


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def project_name(text: str) -> str:
    """Make the name of a project of a text, as Compose does."""
    return re.sub(r"[^a-z0-9_-]", "", text.lower()).lstrip("_-")[:63] or "compose"


def _absolute(block: Block, directory: str) -> Block:
    """Make the paths in one file independent of where it lies, since parts of it may become parts of another one."""

    def full(path: Any) -> Any:
        if path is None or isinstance(path, (Block, Rows)):
            return path
        return os.path.normpath(os.path.join(directory, os.path.expanduser(text_of(path))))

    for kind in ("configs", "secrets"):
        for one in _blocks_in(block.get(kind)):
            if "file" in one:
                one["file"] = full(one["file"])
    for service in _blocks_in(block.get("services")):
        for key in ("env_file", "label_file"):
            service.update({key: _each(service[key], full)} if service.get(key) is not None else {})
        if isinstance(service.get("volumes"), Rows):
            rows = service["volumes"]
            service["volumes"] = Rows([_mount(item, full) for item in rows], rows.at)
    return block


def _blocks_in(block: Any) -> list[Block]:
    return [one for one in block.values() if isinstance(one, Block)] if isinstance(block, Block) else []


def _each(value: Any, full: Callable[[Any], Any]) -> Any:
    if isinstance(value, Rows):
        return Rows([_each(one, full) for one in value], value.at)
    if isinstance(value, Block):
        if "path" in value:
            value["path"] = full(value["path"])
        return value
    return full(value)


def _mount(item: Any, full: Callable[[Any], Any]) -> Any:
    if isinstance(item, Block):
        if item.get("type") == "bind" and "source" in item:
            item["source"] = full(item["source"])
        return item
    source, colon, rest = text_of(item).partition(":")
    return f"{full(source)}:{rest}" if colon and source.startswith((".", "~")) else item
