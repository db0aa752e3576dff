# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container is given beside its image: files, and the directories of its own volumes, by the Engine's archive API.

The Engine unpacks what it is sent inside the container's own file system and never outside of it, and needs nothing of the image
for that. One that runs is paused for that moment: all its processes find either all old files or all new ones. What is expected
of each file stands in a later version of the record, which is no label of the container: those are exported far and wide.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ...model.errors import HodeiError, Kind
from ...model.ports import CreateRequest, ExecRequest, Target
from ...model.worker import Spec
from .archive import put, read_file, stat
from .engine import Engine, segment
from .mapping import HELPER, NAMED, absolute, content, mac, volume_targets
from .packing import ROOT, Item, anchor
from .records import Record
from .sdk import import_sdk, told
from .seeing import seconds
from .survey import Row
from .users import GROUP, PASSWD, Users, needs_names

_REMOVE_SECONDS = 30.0


class File(NamedTuple):
    """One file of a worker: where the document says, where that is in the container, and what it holds; or a link, and its target."""

    path: str
    at: str
    mode: int
    owner: str
    data: bytes
    link: str = ""

    def expected(self, container: str, mtime: float) -> dict[str, Any]:
        """Return what a record says of it."""
        own = {"path": self.path, "at": self.at, "mode": self.mode, "owner": self.owner}
        return {**own, "size": len(self.data), "mac": mac(container, self.data), "mtime": mtime}


class Delivery:
    """Gives containers their files; what is ``seen`` of one is what the Engine tells of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._homes: dict[str, str] = {}
        self._users: dict[str, Users] = {}
        self._fresh: set[str] = set()
        self._made: set[str] = set()

    def home(self, image: str) -> str:
        """Return the directory that relative paths start at: the image's working directory. Raises HodeiError(not_found)."""
        if image not in self._homes:
            found = self._engine.get(f"/images/{segment(image)}/json")
            self._homes[image] = (found.get("Config") or {}).get("WorkingDir") or ROOT
        return self._homes[image]

    # ---- before the first start ----------------------------------------------------------------------------------

    def wanted(self, spec: Spec) -> bool:
        """Tell whether a container needs anything before its first start."""
        return bool(spec.get("files") or spec.get("volumes") or spec.get("security", {}).get("non_root"))

    def note_volumes(self, spec: Spec) -> None:
        """Remember which named volumes are not there yet: those that come with a container are its user's."""
        for one in spec.get("volumes", ()):
            name = one.get("source") or one["name"]
            if one.get("type") == "named" and self._volume(name) is None:
                self._fresh.add(name)

    def note_made(self, container: str) -> None:
        """Remember that a container was made here, and which of its volumes came with it is known."""
        self._made.add(container)

    def is_of_another_run(self, container: str) -> bool:
        """Tell whether a container was made by a run that may have ended in the middle of that."""
        return container not in self._made

    def _came_along(self, name: str, owner: str, seen: Mapping[str, Any]) -> bool:
        """Tell whether a named volume came with a container. Of another run that is known by the times only, in whole seconds."""
        if name in self._fresh or not self.is_of_another_run(seen["Id"]):
            return name in self._fresh
        found = self._volume(name) or {}
        began = seconds(found.get("CreatedAt") or "") or 0.0
        return (found.get("Labels") or {}).get(NAMED) == owner and began >= int(seconds(seen["Created"]) or 0.0)

    def _volume(self, name: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._engine.get(f"/volumes/{segment(name)}")
        except HodeiError as error:
            if error.kind is Kind.NOT_FOUND:
                return None
            raise
        return found

    def furnish(self, row: Row, spec: Spec, seen: Mapping[str, Any], links: Mapping[str, str]) -> Record:
        """Give a container that never ran its files and ``links``, and its user the volumes that are new; return its record then.

        Raises HodeiError(configuration) when it would run as root and may not.
        """
        user = str(seen["Config"].get("User") or "")
        if spec.get("security", {}).get("non_root") and self.identity(seen, user)[0] == 0:
            raise runs_as_root(str(row.record.address))
        roots = self._roots(spec, seen, user, row.record.owner)
        files = self._files(spec, seen)
        leading = _links(links)
        if not (roots or files or leading):
            return row.record
        now = _now()
        items = [*roots, *self._items(row, [*files, *leading], seen, now)]
        if seen["HostConfig"]["ReadonlyRootfs"]:
            self._into_volumes(row, items, seen)
        else:
            self._put(row.container, ROOT, items)
        return replace(row.record, files=[file.expected(row.container, now) for file in files], gone=[])

    def _roots(self, spec: Spec, seen: Mapping[str, Any], user: str, owner: str) -> list[Item]:
        """Return the directories of volumes that are not as the Engine makes them: of root, 0755."""
        unlike = [one for one in spec.get("volumes", ()) if "mode" in one or user not in ("", "0", "root")]
        own = [
            one
            for one in unlike
            if one.get("type", "empty") == "empty"
            or (one.get("type") == "named" and self._came_along(one.get("source") or one["name"], owner, seen))
        ]
        if not own:
            return []
        uid, gid = self.identity(seen, user)
        home = self._home(spec, seen)
        return [Item(absolute(one["path"], home), int(one.get("mode", "0755"), 8), (uid, gid)) for one in own]

    def _into_volumes(self, row: Row, items: Sequence[Item], seen: Mapping[str, Any]) -> None:
        """Nothing can be put at the root of a volume where the container's own is read-only: another one has it too."""
        name = f"hodei-helper-{row.container[:12]}"
        api = self._engine.api
        body = {
            "Image": seen["Image"],
            "Cmd": ["never-started"],
            "HostConfig": {"VolumesFrom": [row.container], "NetworkMode": "none"},
            "Labels": {HELPER: row.record.owner},
        }
        with told():
            with contextlib.suppress(import_sdk().errors.NotFound):
                api.remove_container(name, v=True, force=True)
            api.create_container_from_config(body, name)
        try:
            self._put(name, ROOT, items)
        finally:
            with told():
                api.remove_container(name, v=True, force=True)

    def refuse_missing(self, spec: Spec, image: str, owner: str) -> None:
        """Have the Engine look for directories that it would make silently: it does for those that get an SELinux label."""
        sources = [one["source"] for one in spec.get("volumes", ()) if one.get("relabel")]
        if not sources:
            return
        mounts = [
            {"Type": "bind", "Source": source, "Target": f"/mnt/{number}", "ReadOnly": True}
            for number, source in enumerate(sources)
        ]
        api = self._engine.api
        body = {
            "Image": image,
            "Cmd": ["never-started"],
            "HostConfig": {"Mounts": mounts, "NetworkMode": "none"},
            "Labels": {HELPER: owner},
        }
        with told():
            api.remove_container(api.create_container_from_config(body)["Id"], v=True, force=True)

    # ---- while it lives ------------------------------------------------------------------------------------------

    def change(
        self, row: Row, record: Record, request: CreateRequest, seen: Mapping[str, Any]
    ) -> tuple[Record, HodeiError | None]:
        """Make a container's files what a request says, all or none; return ``record`` with that, which is not written yet, and why
        those that left the document are there still.
        """
        files, now, drifted = self._files(request.spec, seen), _now(), request.drifted
        before = {one["path"]: dict(one) for one in record.files}
        after = {file.path: file.expected(row.container, now) for file in files}
        touched = [file for file in files if _differs(before.get(file.path), after[file.path], drifted)]
        for path in after.keys() - {file.path for file in touched}:
            after[path] = before[path]
        gone = {one["path"]: one for one in (*record.gone, *record.files) if one["path"] not in after}
        if not touched and not gone:
            return record, None
        state = seen["State"]["Status"]
        if touched:
            with self.frozen(row.container, state == "running"):
                self._exchange(row, touched, seen, now)
        problem = self.remove(row, gone.values()) if state == "running" else None
        left = [] if state == "running" and problem is None else list(gone.values())
        to_tell = state in ("running", "paused") and (touched or problem is None)
        stale = seen["State"]["StartedAt"] if to_tell else record.stale
        return replace(record, files=list(after.values()), gone=left, stale=stale), problem

    def lead(self, row: Row, links: Mapping[str, str], seen: Mapping[str, Any]) -> None:
        """Put links into a container that is there already: place -> target. Raises HodeiError."""
        if links:
            with self.frozen(row.container, seen["State"]["Status"] == "running"):
                self._exchange(row, _links(links), seen, _now())

    def remove(self, row: Row, gone: Collection[Mapping[str, Any]]) -> HodeiError | None:
        """Delete files in a container that runs; nothing but a command inside can. Return why they are there still, if they are."""
        from .execution import execute

        places = [one["at"] for one in gone]
        if not places:
            return None
        target = Target(row.record.address, row.record.generation)
        for user in ("0", ""):  # where root has no rights left, the worker's own user may have them
            command = ("rm", "-f", "--", *places)
            request = ExecRequest(target, command, timeout=_REMOVE_SECONDS, user=user)
            try:
                result = execute(self._engine, row.container, request)
            except HodeiError as error:
                return error
            if result.exit_code == 0:
                return None
        said = (result.stderr or result.stdout).decode(errors="replace").strip()
        return HodeiError(
            Kind.CONFLICT,
            f"{', '.join(places)} cannot be removed from the container: {said[-300:]}",
            hint="Replace the worker to be rid of it.",
        )

    @contextlib.contextmanager
    def frozen(self, container: str, running: bool) -> Iterator[None]:
        """Keep all processes from running meanwhile; where an Engine cannot, one file changes after the other."""
        if running:
            with contextlib.suppress(HodeiError), told():  # one whose answer was lost may have come to pass
                self._engine.api.pause(container)
        try:
            yield
        finally:
            if running and self._engine.get(f"/containers/{container}/json")["State"]["Paused"]:
                with told():
                    self._engine.api.unpause(container)

    def _exchange(self, row: Row, files: Sequence[File], seen: Mapping[str, Any], now: float) -> None:
        """Write over what is there; what could not be written leaves what was there before. Raises HodeiError."""
        items = self._items(row, files, seen, now)
        targets = volume_targets(seen) if seen["HostConfig"]["ReadonlyRootfs"] else ()
        old = [item for item in (self._old(row.container, file) for file in files) if item is not None]
        places = sorted({anchor(item.at, targets) for item in items})
        try:
            for place in places:
                self._put(row.container, place, [item for item in items if anchor(item.at, targets) == place])
        except HodeiError:
            for place in places:
                with contextlib.suppress(HodeiError):
                    self._put(row.container, place, [item for item in old if anchor(item.at, targets) == place])
            raise

    def _old(self, container: str, file: File) -> Item | None:
        found = stat(self._engine, container, file.at)
        return read_file(self._engine, container, file.at) if found is not None and found.is_file else None

    # ---- what is sent --------------------------------------------------------------------------------------------

    def _files(self, spec: Spec, seen: Mapping[str, Any]) -> list[File]:
        home = self._home(spec, seen)
        return [
            File(
                path=one["path"],
                at=absolute(one["path"], home),
                mode=int(one.get("mode", "0644"), 8),
                owner=str(one.get("owner", "")),
                data=content(one),
            )
            for one in spec.get("files", ())
        ]

    def _home(self, spec: Spec, seen: Mapping[str, Any]) -> str:
        paths = [one["path"] for field in ("files", "volumes") for one in spec.get(field, ())]
        return ROOT if all(path.startswith("/") for path in paths) else self.home(seen["Image"])

    def _items(self, row: Row, files: Sequence[File], seen: Mapping[str, Any], now: float) -> list[Item]:
        """Return what makes files: the directories that are not there yet, and each file. Raises HodeiError when one is in the way."""
        user = str(seen["Config"].get("User") or "")
        items: dict[str, Item] = {}
        for file in files:
            depth = len([part for part in file.path.split("/") if part])
            below = file.at.split("/")
            for count in range(2, len(below)):
                place = "/".join(below[:count])
                if place not in items and not self._is_directory(row, place, file, own=len(below) - count < depth):
                    items[place] = Item(place, 0o755, self.identity(seen, user))
            there = stat(self._engine, row.container, file.at)
            if there is not None and there.is_directory:
                raise _in_the_way(row, file, "there is a directory in its place")
            owner = self.identity(seen, file.owner or user)
            items[file.at] = Item(file.at, file.mode, owner, file.data, now, file.link)
        return list(items.values())

    def _is_directory(self, row: Row, place: str, file: File, *, own: bool) -> bool:
        """Whether a directory that leads to a file is there; the image may lead by a link, the worker may not."""
        there = stat(self._engine, row.container, place)
        if there is None:
            return False
        if there.is_directory or (there.is_link and (file.path.startswith("/") or not own)):
            return True
        raise _in_the_way(row, file, f"{place} is no directory")

    def identity(self, seen: Mapping[str, Any], user: str) -> tuple[int, int]:
        """Return who a user of the document, or of the image, is inside a container. Raises HodeiError(configuration)."""
        if not needs_names(user):
            return Users().identity(user)
        image = seen["Image"]
        if image not in self._users:
            read = [read_file(self._engine, seen["Id"], path) for path in (PASSWD, GROUP)]
            self._users[image] = Users(*((one.data or b"").decode(errors="replace") if one else "" for one in read))
        return self._users[image].identity(user)

    def _put(self, container: str, place: str, items: Sequence[Item]) -> None:
        if items:
            put(self._engine, container, place, items)


def _links(links: Mapping[str, str]) -> list[File]:
    return [File(place, place, 0o777, "0:0", b"", target) for place, target in links.items()]


def _now() -> float:
    """Return a time that a tar can hold: it is told apart from a later one to the microsecond."""
    return round(time.time(), 6)


def _differs(before: Mapping[str, Any] | None, after: Mapping[str, Any], drifted: Collection[str]) -> bool:
    """Whether a file has to be written; a field path ends with what of the file differs."""
    if before is None or {**before, "mtime": 0} != {**after, "mtime": 0}:
        return True
    return any(one.rpartition(".")[0] == f"files.{after['path']}" for one in drifted)


def runs_as_root(where: str) -> HodeiError:
    """Say that a worker would be what its document forbids."""
    return HodeiError(
        Kind.CONFIGURATION,
        "the worker would run as root, which `security.non_root` forbids",
        hint="Name another user in `user`; the image names none, or root.",
        where=where,
    )


def _in_the_way(row: Row, file: File, what: str) -> HodeiError:
    return HodeiError(
        Kind.CONFLICT,
        f"file {file.path} cannot be written: {what}",
        hint="Move that away, or choose another path.",
        where=str(row.record.address),
    )
