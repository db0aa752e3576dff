# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of workers as users write them: templates with variables, changes that are told, removal, and what goes wrong."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Result, Site, task
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SLEEP = ["sleep", "infinity"]
#: Writes what it has read, at its start and at each SIGHUP.
READING = ["sh", "-c", "trap 'cp app.conf seen' HUP; cp app.conf seen; while :; do sleep 0.05; done"]
SECRET = "hunter2-hunter2"


def worker(*files: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "app", "command": READING, "files": list(files), **more}


def home_of(site: Site, name: str = "app.1") -> Path:
    (found,) = site.home.rglob(f"workers/{name}")
    return found


def converge(site: Site, **more: Any) -> Result:
    return site.one("fleet", diff=True, **more)


@pytest.fixture
def site(site: Site) -> Site:
    """Initialised."""
    site.tasks(task("fleet_init"))
    return site


def test_templates_with_variables_and_one_for_each_instance(site: Site) -> None:
    site.write("templates/app.conf.j2", "{% for port in ports %}\nport = {{ port }}\n{% endfor %}\nkey = {{ key }}\n")
    site.write("templates/id.j2", "{% include 'part.j2' %}\n")
    site.write("templates/part.j2", "{{ worker_id }} {{ worker_index + 1 }}/{{ worker_count }} {{ base }}")
    files = [{"path": "app.conf", "template": "app.conf.j2", "mode": "0600"}, {"path": "etc/id", "template": "id.j2"}]
    own = {1: {"files": [{"path": "etc/id", "content": "mine", "mode": "0640"}]}}
    site.set(
        [worker(*files, count=3, instances=own)],
        ports=[80, "{{ 400 + 43 }}"],
        key=SECRET,
        base="{{ 9000 + worker_index | int }}",
    )
    first = converge(site)
    assert first["changed"]
    text = home_of(site, "app+0.1") / "app.conf"
    assert text.read_text() == f"port = 80\nport = 443\nkey = {SECRET}\n"
    assert text.stat().st_mode & 0o7777 == 0o600
    found = [(home_of(site, f"app+{index}.1") / "etc/id").read_text() for index in range(3)]
    assert found == ["app-0 1/3 9000\n", "mine", "app-2 3/3 9002\n"]
    assert not converge(site)["changed"]
    site.set(base="{{ 7000 + worker_index | int }}")
    plan = site.run("plan").output
    assert "worker.app[0,2] (2)" in plan
    assert "files.etc/id.content changed; restart" in plan


def test_a_change_with_a_reload_and_nothing_secret_anywhere(site: Site) -> None:
    reload = {"reload": {"signal": "SIGHUP"}}
    site.set([worker({"path": "app.conf", "content": f"one {SECRET}"}, **reload)])
    made = site.run(site.write_play([task("fleet", diff=True), task("worker_info")]), "-vvv")
    pids = site.pids()
    wait_for((home_of(site) / "seen").exists, "the worker to read its file")
    site.set([worker({"path": "app.conf", "content": f"two {SECRET}"}, **reload)])
    plan = site.run("plan")
    changed = site.run(site.write_play([task("fleet", diff=True), task("worker_info"), task("fleet_info")]), "-vvv")
    assert "files.app.conf.content changed; reload by SIGHUP" in plan.output
    assert "files.app.conf.content: (changed)" in plan.output
    wait_for(lambda: (home_of(site) / "seen").read_text() == f"two {SECRET}", "the worker to reload")
    assert site.pids() == pids
    assert not converge(site)["changed"]
    for run in (made, changed, plan):
        assert run.code == 0
        assert SECRET not in run.output
    for path in site.home.rglob("*"):
        if path.is_file() and path.suffix != ".files" and path.name not in ("app.conf", "seen"):
            assert SECRET.encode() not in path.read_bytes(), path
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert SECRET.encode() not in entry.read_bytes()
        except OSError:
            continue


def test_a_change_with_a_restart_and_a_removal(site: Site) -> None:
    site.set([worker({"path": "app.conf", "content": "one"}, {"path": "old/er.conf", "content": "x"})])
    converge(site)
    before = site.pids()
    site.set([worker({"path": "app.conf", "content": "two"})])
    plan = site.run("plan").output
    assert "update, restart" in plan
    assert "files.app.conf.content, files.old/er.conf.content changed; restart" in plan
    assert "files.old/er.conf.content: (removed)" in plan
    assert converge(site)["changed"]
    wait_for(lambda: (home_of(site) / "seen").read_text() == "two", "the worker to read its file")
    assert site.pids().keys() == before.keys()
    assert site.pids() != before
    assert not (home_of(site) / "old" / "er.conf").exists()
    assert not converge(site)["changed"]


def test_drift_is_put_right_unless_it_is_ignored(site: Site) -> None:
    files = [{"path": "app.conf", "content": "one"}, {"path": "all.bin", "content_base64": "//79AP8="}]
    site.set([worker(*files, reload={"signal": "SIGHUP"})])
    converge(site)
    assert (home_of(site) / "all.bin").read_bytes() == b"\xff\xfe\xfd\x00\xff"
    (home_of(site) / "app.conf").write_text("two")
    (home_of(site) / "all.bin").unlink()
    plan = site.run("plan").output
    assert "Changed from outside" in plan
    assert "files.all.bin.content, files.app.conf.content changed from outside; reload by SIGHUP" in plan
    assert site.one("fleet_info")["drift"]
    assert converge(site)["changed"]
    assert (home_of(site) / "app.conf").read_text() == "one"
    assert (home_of(site) / "all.bin").exists()
    assert not converge(site)["changed"]
    site.set([worker(*files, reload={"signal": "SIGHUP"}, lifecycle={"ignore_changes": ["files"]})])
    converge(site)
    (home_of(site) / "app.conf").write_text("three")
    assert not converge(site)["changed"]
    assert (home_of(site) / "app.conf").read_text() == "three"


def test_drift_of_a_stopped_worker_is_seen_without_a_supervisor(site: Site) -> None:
    site.set([worker({"path": "app.conf", "content": "one"})])
    converge(site)
    site.set([worker({"path": "app.conf", "content": "one"}, state="stopped")])
    converge(site)
    wait_for(lambda: not site.supervisor(), "the supervisor to leave")
    assert not converge(site)["changed"]
    (home_of(site) / "app.conf").write_text("two")
    assert "changed from outside; read at its next start" in site.run("plan").output
    converge(site)
    assert (home_of(site) / "app.conf").read_text() == "one"


def test_a_reload_that_fails_fails_the_change_and_is_tried_again(site: Site) -> None:
    def having(content: str, code: str) -> list[dict[str, Any]]:
        reload = {"command": ["sh", "-c", code]}
        return [worker({"path": "app.conf", "content": content}, reload=reload)]

    site.set(having("one", "exit 0"))
    converge(site)
    site.set(having("two", "exit 3"))
    assert "the reload failed: its command ended with exit code 3" in site.refused("fleet")
    assert (home_of(site) / "app.conf").read_text() == "two"
    assert "its files changed, and it was not told; reload by command" in site.run("plan").output
    assert "the reload failed" in site.refused("fleet")
    site.set(having("two", "exit 0"))
    assert converge(site)["changed"]
    assert not converge(site)["changed"]


def test_what_is_wrong_with_templates_is_told_with_place_and_cure(site: Site) -> None:
    site.write("templates/undefined.j2", "fine\nport = {{ prot }}\n")
    site.write("templates/syntax.j2", "{% if x %}\n{{ y }\n")
    site.write("templates/filter.j2", "\n\n{{ key | from_json }}\n")
    (site.place / "templates" / "binary.j2").write_bytes(b"\xff\xfe")
    names = ("undefined", "syntax", "filter", "binary", "missing")
    site.set([worker(*({"path": name, "template": f"{name}.j2"} for name in names))], key=SECRET)
    message = site.refused("fleet")
    lines = {
        name: line for name in names for line in message.splitlines() if f"/{name}.j2" in line or f" {name}.j2" in line
    }
    assert sorted(lines) == sorted(names), message
    for number, name in enumerate(names):
        assert f"hodei_workers[0].files[{number}].template" in lines[name]
    assert "undefined.j2, line 2 cannot be rendered: 'prot' is undefined" in lines["undefined"]
    assert "syntax.j2, line 2 is not valid" in lines["syntax"]
    assert "filter.j2 cannot be rendered (JSONDecodeError)" in lines["filter"]
    assert "no UTF-8 text" in lines["binary"]
    assert "content_base64" in lines["binary"]
    assert "put it into templates/" in lines["missing"]
    assert SECRET not in message
    # Who only deletes, or reaches into what is there, is not kept from it.
    site.one("fleet", state="absent", confirm=site.owner)


def test_templates_that_cannot_be_read(site: Site) -> None:
    """Root reads everything, so it gives that up first. Who may not read one is told so, and nothing of vaults."""
    site.write("templates/closed.j2", "x").chmod(0)
    (site.place / "templates" / "folder.j2").mkdir()
    site.write("templates/vaulted.j2", "$ANSIBLE_VAULT;1.1;AES256\n3132\n")
    names = ("closed", "folder", "vaulted")
    site.set([worker(*({"path": name, "template": f"{name}.j2"} for name in names))])
    output = site.finish(site.start("plan", preexec_fn=read_as_others_do)).output
    place = f"the template {site.place}/templates"
    for number, said in enumerate(
        (
            f"{place}/closed.j2 cannot be read: Permission denied; check its mode and its owner",
            f"{place}/folder.j2 is a directory; name a file in it",
            f"{place}/vaulted.j2 cannot be decrypted; give the vault password that it was encrypted with",
        )
    ):
        assert f"hodei_workers[0].files[{number}].template: {said}" in output, output


def read_as_others_do() -> None:
    """Give up CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH for what is executed next (prctl(2), PR_CAPBSET_DROP)."""
    for capability in (1, 2) if os.geteuid() == 0 else ():
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


def test_places_and_owners_that_a_process_cannot_have(site: Site) -> None:
    files = [{"path": "/etc/app.conf", "content": "x"}, {"path": "a", "content": "x", "owner": "nobody-of-this-name"}]
    site.set([worker(*files)])
    message = site.refused("fleet")
    assert "worker.app.files./etc/app.conf: an absolute path needs a mount namespace" in message
    assert "give a relative path" in message
    assert "there is no user 'nobody-of-this-name'" in message
    site.set([worker({"path": "big", "content": "x" * (1 << 20)}, {"path": "more", "content": "x"})])
    assert "the most is 1Mi" in site.refused("fleet")


def test_a_template_in_a_role_a_task_and_a_document(site: Site) -> None:
    """Found where the template module finds it."""
    site.write("roles/app/templates/role.j2", "from the role {{ word }}\n")
    single = {"name": "app", "command": SLEEP, "files": [{"path": "app.conf", "template": "role.j2"}]}
    site.write("roles/app/tasks/main.yml", [task("worker", single)])
    site.set([], word="here")
    site.run(site.write_play([], roles=["app"]))
    assert (home_of(site) / "app.conf").read_text() == "from the role here\n"
    site.write("templates/doc.j2", "from the document {{ word }}\n")
    site.write("ci.yml", {"workers": [{**single, "files": [{"path": "app.conf", "template": "doc.j2"}]}]})
    assert site.one("fleet", document="ci.yml")["changed"]
    assert (home_of(site) / "app.conf").read_text() == "from the document here\n"
