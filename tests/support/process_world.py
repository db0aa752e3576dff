# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the machine is as a document says: processes, files and ports themselves, and none of our own records."""

from __future__ import annotations

import base64
import os
import socket
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Instance
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

from .process_documents import ESCAPED, HOST_ENV, SERVE

Pids = dict[str, tuple[int, str]]
#: CAP_* by name, of those that documents at random drop (capabilities(7)).
CAPABILITIES = {"NET_ADMIN": 12, "NET_RAW": 13, "SYS_TIME": 25}
LIMITS = {"nofile": "Max open files", "core": "Max core file size"}
OURS = {"PATH", "HOME", "WORKER_ID", "WORKER_NAME", "WORKER_INDEX", "HODEI_OWNER", "HODEI_SECRETS_DIR", "HODEI_WORKER"}


class World:
    """What runs and lies below an owner's directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def pids(self) -> Pids:
        """Return who leads a worker's session, by the worker's id: pid and start time."""
        mark = f"HOME={self.directory}/workers/".encode()
        found: Pids = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                environ = (entry / "environ").read_bytes()
                if mark not in environ or os.getsid(int(entry.name)) != int(entry.name):
                    continue
                started = (entry / "stat").read_text().rpartition(")")[2].split()[19]
            except OSError:
                continue
            variables = _environ(environ)
            if "." in variables["HODEI_WORKER"]:
                continue  # a command beside the worker, such as a probe
            worker = variables["WORKER_ID"]
            assert worker not in found, f"two of {worker}"
            found[worker] = (int(entry.name), started)
        return found

    def check(self, instances: Iterable[Instance]) -> Pids:
        """Hold everything to a document; return who runs."""
        wanted = {one.address.slug: one for one in instances}
        pids = self.pids()
        assert pids.keys() == {name for name, one in wanted.items() if one.state != "stopped"}
        homes = {path.name.rpartition(".")[0]: path for path in (self.directory / "workers").glob("*")}
        assert len(homes) == len(list((self.directory / "workers").glob("*"))), "one directory for each"
        assert homes.keys() <= {_place(one) for one in wanted.values()}
        for name, (pid, _started) in pids.items():
            self._process(wanted[name], Path(f"/proc/{pid}"), homes[_place(wanted[name])])
        for one in wanted.values():
            if _place(one) in homes:
                self._files(one, homes[_place(one)])
        return pids

    def _process(self, one: Instance, proc: Path, home: Path) -> None:
        spec = one.spec
        environ = _environ((proc / "environ").read_bytes())
        assert environ["HOME"] == str(home)
        given = {name: HOST_ENV[name] for name in spec.get("env_from_host", ()) if name in HOST_ENV}
        given |= {name: told(str(value), environ) for name, value in spec.get("env", {}).items()}
        ports = {f"HODEI_PORT_{_upper(port['name'])}" for port in spec.get("ports", ())}
        volumes = {
            f"HODEI_VOLUME_{_upper(volume['name'])}": str(home / volume["path"]) for volume in spec.get("volumes", ())
        }
        assert environ.keys() == OURS | given.keys() | ports | volumes.keys()
        assert {**environ, **given, **volumes} == environ
        index = "0" if one.address.key is None else str(one.address.key)
        assert (environ["WORKER_NAME"], environ["WORKER_INDEX"]) == (one.address.name, index)
        words = [*([spec["program"]] if "program" in spec else []), *spec.get("command", ())]
        assert (proc / "cmdline").read_bytes().decode().split("\0")[:-1] == [told(word, environ) for word in words]
        cwd = os.path.realpath(home / told(spec.get("cwd", ""), environ))
        assert os.readlink(proc / "cwd") == cwd
        # The kernel stops who was told to when it next looks at it.
        wait_for(
            lambda: (_status(proc)["State"][0] == "T") is (one.state == "paused"), f"{one.address} to be {one.state}"
        )
        self._rights(spec, _status(proc))
        self._limits(spec, (proc / "limits").read_text())
        self._answers(spec, environ, paused=one.state == "paused")
        if "command" in spec.get("health", {}) and one.state != "paused":
            mark = spec["health"]["command"][-1].partition(".probed-")[2].strip('"')
            wait_for((home / f".probed-{mark}").exists, "the probe to run")
        log = self.directory / "logs" / f"{home.name}.log"
        # Who was paused as soon as it was there may not have come to that.
        wait_for(lambda: one.state == "paused" or "began" in log.read_text(), "the worker to say that it began")

    def _rights(self, spec: Mapping[str, Any], status: Mapping[str, str]) -> None:
        security = spec.get("security", {})
        uid, gid = _owner(spec.get("user", ""), (os.geteuid(), os.getegid()))
        assert set(status["Uid"].split()) == {str(uid)}
        assert set(status["Gid"].split()) == {str(gid)}
        assert status["NoNewPrivs"] == ("1" if security.get("no_new_privileges", True) else "0")
        bounding = int(status["CapBnd"], 16)
        for name in security.get("drop_capabilities", ()):
            assert not bounding & (1 << CAPABILITIES[name])

    def _limits(self, spec: Mapping[str, Any], text: str) -> None:
        for name, limit in spec.get("resources", {}).get("ulimits", {}).items():
            line = next(line for line in text.splitlines() if line.startswith(LIMITS[name]))
            assert line.removeprefix(LIMITS[name]).split()[:2] == [str(limit["soft"]), str(limit["hard"])]

    def _answers(self, spec: Mapping[str, Any], environ: Mapping[str, str], *, paused: bool) -> None:
        for port in spec.get("ports", ()):
            number = int(environ[f"HODEI_PORT_{_upper(port['name'])}"])
            assert port.get("host", number) == number
            if SERVE in spec["command"] and not paused:
                wait_for(lambda number=number: _asked(number) == b"ok", f"an answer on port {number}")  # type: ignore[misc]

    def _files(self, one: Instance, home: Path) -> None:
        uid, gid = _owner(one.spec.get("user", ""), (os.geteuid(), os.getegid()))
        directories: set[str] = set()
        for volume in one.spec.get("volumes", ()):
            path = home / volume["path"]
            directories |= {str(parent) for parent in Path(volume["path"]).parents} | {volume["path"]}
            kind = volume.get("type", "empty")
            if kind == "empty":
                assert path.is_dir()
                assert not path.is_symlink()
                assert stat.S_IMODE(path.stat().st_mode) == int(volume.get("mode", "0755"), 8)
                assert (path.stat().st_uid, path.stat().st_gid) == (uid, gid)
            else:
                named = str(self.directory / "volumes" / volume.get("source", volume["name"]))
                assert os.readlink(path) == (volume["source"] if kind == "host" else named)
        wanted = {file["path"]: file for file in one.spec.get("files", ())}
        assert {
            str(path.relative_to(home))
            for path in home.rglob("*")
            if path.is_file() and not path.is_symlink() and not path.name.startswith(".probed-")
        } == wanted.keys()
        for path, file in wanted.items():
            data = file["content"].encode() if "content" in file else base64.b64decode(file["content_base64"])
            assert (home / path).read_bytes() == data
            info = (home / path).stat()
            assert stat.S_IMODE(info.st_mode) == int(file.get("mode", "0644"), 8)
            assert (info.st_uid, info.st_gid) == _owner(file.get("owner", ""), (uid, gid))


def told(word: str, environ: Mapping[str, str]) -> str:
    """Return what a worker finds where a document has a word."""
    if word in ESCAPED:
        return ESCAPED[word]
    for name, value in environ.items():
        word = word.replace(f"$({name})", value)
    return word


def _place(one: Instance) -> str:
    """The name of a worker's directory, without its generation."""
    return one.address.name if one.address.key is None else f"{one.address.name}+{one.address.key}"


def _owner(user: str | int, default: tuple[int, int]) -> tuple[int, int]:
    """Return uid and gid of a user as documents at random write it: root, or nobody, whose number is 65534."""
    if user == "":
        return default
    name, _unused, group = str(user).partition(":")
    uid = {"root": 0, "0": 0}.get(name, 65534)
    return uid, 65534 if group else uid


def _environ(data: bytes) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in data.decode().split("\0") if "=" in pair)


def _status(proc: Path) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")


def _asked(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connection.makefile("rb").read()[-2:]
    except OSError:
        return b""
