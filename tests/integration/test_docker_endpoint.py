# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an Engine is, and how it is reached: TLS, ssh, contexts, versions, and who is not let in."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.credential import Credential
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest, LogRequest, Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.provider import DockerProvider
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import DockerRig, Fleet, wait_log
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.certificates import Authority
from ansible_collections.hodei.workers.tests.testbed.find import program

pytestmark = pytest.mark.xdist_group("docker")
BIG = 3 << 20


class FarRig(DockerRig):
    """The same Engine, reached by another way."""

    def __init__(self, place: Path, engine: Any, config: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        super().__init__(place, engine)
        self._config, self._environ = config, environ

    def open(self, settle: float = 0.1) -> DockerProvider:
        """Return a provider."""
        config = {"pull": "never", "settle": settle, **self._config}
        provider = DockerProvider("local", config, "conformance", environ=self._environ)
        self._opened.append(provider)
        return provider


def way_of_a_worker(rig: FarRig) -> None:
    """Make, see, enter, hear and delete a container; a command reads its input to the end, whatever lies between."""
    with closing(rig):
        fleet = Fleet(rig)
        fleet.make("far", rig.shell("echo here; exec sleep 600"))
        assert fleet.see("far")
        data = os.urandom(BIG)
        done = fleet.provider.exec(ExecRequest(fleet.target("far"), ("cat",), stdin=data, limit=None))
        assert (done.exit_code, done.stdout == data) == (0, True)
        cut = fleet.provider.exec(ExecRequest(fleet.target("far"), ("sleep", "600"), timeout=0.3))
        assert cut.timed_out
        wait_log(fleet, "far", b"here\n")
        followed = fleet.provider.logs(LogRequest(fleet.target("far"), follow=0.3))
        assert followed.text == b"here\n"
        fleet.do(Verb.DELETE, "far")
        assert rig.objects() == 0


def context(place: Path, name: str, url: str, tls: Mapping[str, str]) -> None:
    """Write a context as the docker command does, and make it the present one."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    folder = place / "contexts" / "meta" / digest
    folder.mkdir(parents=True)
    about = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": url, "SkipTLSVerify": False}}}
    (folder / "meta.json").write_text(json.dumps(about))
    files = place / "contexts" / "tls" / digest / "docker"
    files.mkdir(parents=True)
    for one, path in tls.items():
        shutil.copy(path, files / f"{one}.pem")
    (place / "config.json").write_text(json.dumps({"currentContext": name}))


@pytest.fixture
def tls_engine(shared_testbed: Testbed) -> Any:
    """An Engine that answers by TLS: ``by_tls`` says where, and as whom."""
    engine = shared_testbed.need("docker")
    if not engine.by_tls:
        pytest.skip("testbed: docker: this Engine answers by its socket only")
    return engine


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    """An authority that the Engine does not know."""
    return Authority(tmp_path, "stranger")


@pytest.mark.parametrize("way", ["url", "context", "DOCKER_HOST"])
def test_tls(way: str, tls_engine: Any, tmp_path: Path) -> None:
    """Both sides show who they are; named in the document, by a context, or in the environment as for the docker command."""
    url, tls = tls_engine.by_tls["url"], tls_engine.by_tls["tls"]
    context(tmp_path, "far", url, tls)
    here = {"DOCKER_CONFIG": str(tmp_path)}
    if way == "url":
        way_of_a_worker(FarRig(tmp_path, tls_engine, tls_engine.by_tls, {}))
    elif way == "context":
        for config, environ in (({}, here), ({"context": "far"}, here), ({}, {**here, "DOCKER_CONTEXT": "far"})):
            with closing(DockerProvider("local", config, "conformance", environ=environ)) as provider:
                assert provider.fingerprint().type == "docker"
    else:
        for one, path in tls.items():
            shutil.copy(path, tmp_path / f"{one}.pem")
        environ = {"DOCKER_HOST": url, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
        with closing(DockerProvider("local", {}, "conformance", environ=environ)) as provider:
            assert provider.fingerprint().type == "docker"


def test_tls_of_strangers(tls_engine: Any, stranger: Authority) -> None:
    """Without a certificate, with one of another authority, trusting another one: each is said."""
    cert, key = stranger.issue("me")
    url, tls = tls_engine.by_tls["url"], tls_engine.by_tls["tls"]
    for own in ({"ca": tls["ca"]}, {**tls, "ca": stranger.ca}, {**tls, "cert": cert, "key": key}):
        error = refused({"url": url, "tls": own})
        assert error.kind is Kind.AUTHENTICATION, error
        assert "we do not trust each other" in error.message
    assert refused({"url": url, "tls": {**tls, "ca": "/nowhere.pem"}}).kind is Kind.CONFIGURATION


def held(*values: str) -> Credential:
    """Return a credential that is another one each time when it is looked up: the contents of these files in turn."""
    turns = iter(values)
    return Credential("secret x of store 'local'", lambda: SecretValue(Path(next(turns)).read_bytes()))


def test_tls_from_a_store(tls_engine: Any, stranger: Authority, tmp_path: Path) -> None:
    """Keys that are in no file; one that somebody rotates meanwhile, and an authority that does, are looked up once more, and only once."""
    cert, key = stranger.issue("me")
    url, tls = tls_engine.by_tls["url"], tls_engine.by_tls["tls"]
    good = {"ca": held(tls["ca"]), "cert": held(tls["cert"]), "key": held(tls["key"])}
    way_of_a_worker(FarRig(tmp_path, tls_engine, {"url": url, "tls": good}, {}))
    mine = {"cert": held(cert, tls["cert"]), "key": held(key, tls["key"])}
    for rotated in ({"ca": held(tls["ca"], tls["ca"]), **mine}, {**tls, "ca": held(stranger.ca, tls["ca"])}):
        with closing(DockerProvider("local", {"url": url, "tls": rotated}, "conformance", environ={})) as provider:
            assert provider.fingerprint().type == "docker"
            assert provider.list().problem is None
    twice = {"ca": tls["ca"], "cert": held(cert, cert), "key": held(key, key)}
    assert refused({"url": url, "tls": twice}).kind is Kind.AUTHENTICATION
    broken = refused({"url": url, "tls": {**tls, "key": held(tls["cert"])}})
    assert broken.kind is Kind.CONFIGURATION
    assert "secret x of store 'local'" in broken.message


def test_no_reaper_has_a_key_of_a_store(tmp_path: Path) -> None:
    config = {"url": "tcp://127.0.0.1:9", "directory": str(tmp_path)}
    for tls, stays in (({"ca": "/ca.pem"}, True), ({"ca": "/ca.pem", "key": held()}, False)):
        with closing(DockerProvider("local", {**config, "tls": tls}, "conformance", environ={})) as provider:
            assert (provider._reaper is not None) is stays


def test_ssh(shared_testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the user's own configuration of ssh and the docker command of the other side; who is not let in reads ssh's own words."""
    engine, host = shared_testbed.need("docker"), shared_testbed.need("sshd").variables
    if "ansible_ssh_private_key_file" not in host:
        pytest.skip("testbed: sshd: somebody else's, which does not know our Engine")
    program("docker", apt="docker.io", cache=shared_testbed.cache)
    (tmp_path / "config").write_text(
        f"Host far\n HostName {host['ansible_host']}\n Port {host['ansible_port']}\n User {host['ansible_user']}\n"
        f" IdentityFile {host['ansible_ssh_private_key_file']}\n SetEnv DOCKER_HOST={engine.url}\n"
        f"Host shut\n HostName {host['ansible_host']}\n Port {host['ansible_port']}\n IdentityFile /dev/null\n"
        "Host *\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n IdentitiesOnly yes\n"
    )
    command = tmp_path / "ssh"
    command.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {tmp_path}/config "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    way_of_a_worker(FarRig(tmp_path, engine, {"url": "ssh://far"}, {}))
    error = refused({"url": "ssh://shut"})
    assert "Permission denied" in error.message
    monkeypatch.setenv("PATH", "/nowhere")
    assert "this machine has no ssh" in refused({"url": "ssh://far"}).message


def test_who_is_not_let_in(shared_testbed: Testbed) -> None:
    """A user without the group docker reads what would help."""
    user: pwd.struct_passwd = shared_testbed.need("second_user")
    url = shared_testbed.need("docker").url
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        error = refused({"url": url})
    finally:
        os.seteuid(0)
        os.setegid(0)
    assert error.kind is Kind.AUTHORIZATION
    assert f"{url} (from url) does not let this user in" in error.message
    assert "group docker" in error.hint


def refused(config: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> HodeiError:
    """Return why an Engine cannot be used."""
    with (
        pytest.raises(HodeiError) as caught,
        closing(DockerProvider("local", {"timeout": 20.0, **config}, "conformance", environ=environ or {})) as provider,
    ):
        provider.fingerprint()
    return caught.value


@contextmanager
def liar(place: Path, answer: bytes) -> Iterator[tuple[str, list[str]]]:
    """Serve one answer to every question on a socket; yields its URL and the questions."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def address_string(self) -> str:
            return "socket"

        def log_message(self, *words: Any) -> None:
            """Keep the test's output clean."""

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    path = place / "liar.sock"
    with Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"unix://{path}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ({"Version": "19.03", "ApiVersion": "1.40", "MinAPIVersion": "1.12"}, Kind.COMPATIBILITY),
        ({"Version": "99", "ApiVersion": "2.0", "MinAPIVersion": "1.90"}, Kind.COMPATIBILITY),
        ({"Version": "29", "ApiVersion": "1.52", "MinAPIVersion": "1.44"}, None),
        ({"Version": "5.4", "ApiVersion": "1.41", "MinAPIVersion": "1.24"}, None),
        ({"name": "something else"}, Kind.CONFIGURATION),
        ({"Version": "?", "ApiVersion": None}, Kind.CONFIGURATION),
    ],
)
def test_versions(version: Any, kind: Kind | None, tmp_path: Path) -> None:
    """The newest API that both speak; an Engine that is too old or too new, and what is none, are refused by name."""
    with liar(tmp_path, json.dumps(version).encode()) as (url, asked):
        if kind is not None:
            error = refused({"url": url})
            assert error.kind is kind
            assert (url if kind is Kind.CONFIGURATION else version["Version"]) in error.message
            return
        with closing(DockerProvider("local", {"url": url}, "conformance", environ={})) as provider:
            provider._engine.get("/info")
    assert asked == ["/version", f"/v{min(version['ApiVersion'], '1.47')}/info"]


def test_places_that_are_not_there(tmp_path: Path) -> None:
    """A socket, a port and a context that nobody has."""
    for config, said in (
        ({"socket": str(tmp_path / "none.sock")}, "cannot be reached: No such file or directory"),
        ({"url": "tcp://127.0.0.1:1"}, "cannot be reached: Connection refused"),
        ({"url": "http://127.0.0.1"}, "url is 'http://127.0.0.1'"),
        ({"context": "none"}, "there is no Docker context 'none'"),
    ):
        assert said in refused(config, {"DOCKER_CONFIG": str(tmp_path)}).message
