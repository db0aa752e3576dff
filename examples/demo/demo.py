# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration: a small CI fleet is planned, converged, visited, broken, healed, changed, pruned and destroyed, all for real.

Each step runs the command that it shows, with the collection's own playbooks and the inventory of examples/ci.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parent / "ci"
JOBS = 6
JOB_SECONDS = 8
WAIT_SECONDS = 20.0
IMAGE = "python:3.13-alpine"
REPORT = """
      - name: report
        image: "{{ image }}"
        command: [sleep, infinity]
        lifecycle: {grace: 1s}
        degrade: [image]
"""


class Processes:
    """The workers are processes of this machine."""

    what = "Real processes, state in SQLite, no server, no root."
    one = "process"

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def native(self, worker: dict[str, Any]) -> str:
        """Return the number of a worker's process, which its own page tells."""
        return str(call(worker["ports"]["http"], "/healthz")["pid"])

    def kill(self, worker: dict[str, Any]) -> str:
        """Kill a worker behind everybody's back, and return the command that does that."""
        pid = self.native(worker)
        os.kill(int(pid), signal.SIGKILL)
        return f"kill -9 {pid}"

    def left(self) -> list[int]:
        """List the processes of this machine that belong to the demonstration."""
        everything = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [pid for pid in everything if str(self.directory) in command_line(pid)]

    def clear(self) -> None:
        """End what a demonstration that failed in the middle has left."""
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Containers:
    """The workers are containers of the Engine that the docker command would use."""

    what = "Real containers, state in SQLite."
    one = "container"

    def __init__(self) -> None:
        self.engine = engine_here()
        self.ours = {"label": ["hodei.owner=ci-demo"]}
        if self.left():
            stop("there are containers of an owner ci-demo already: is another demonstration running?")

    def native(self, worker: dict[str, Any]) -> str:
        """Return the id of a worker's container, as docker ps shows it."""
        return str(worker["external_id"])[:12]

    def kill(self, worker: dict[str, Any]) -> str:
        """Kill a worker behind everybody's back, and return the command that does that."""
        container = self.native(worker)
        self.engine.post(f"/containers/{container}/kill")
        return f"docker kill {container}"

    def left(self) -> list[str]:
        """List the containers, volumes and networks that belong to the demonstration."""
        containers = self.engine.get("/containers/json", all=1, filters=self.ours)
        volumes = self.engine.get("/volumes", filters=self.ours)["Volumes"] or ()
        networks = self.engine.get("/networks", filters=self.ours)
        return [*(one["Id"] for one in containers), *(one["Name"] for one in (*volumes, *networks))]

    def clear(self) -> None:
        """Remove what a demonstration that failed in the middle has left."""
        for container in self.engine.get("/containers/json", all=1, filters=self.ours):
            self.engine.api.remove_container(container["Id"], v=True, force=True)
        for volume in self.engine.get("/volumes", filters=self.ours)["Volumes"] or ():
            self.engine.api.remove_volume(volume["Name"])
        for network in self.engine.get("/networks", filters=self.ours):
            self.engine.api.remove_network(network["Id"])


def engine_here() -> Any:
    """Return the Engine; without one, end with what would help."""
    from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
    from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.endpoint import resolve
    from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.engine import Engine

    try:
        found = Engine(resolve({}, os.environ), WAIT_SECONDS)
        found.version  # noqa: B018  it asks
    except HodeiError as error:
        stop(str(error))
    return found


class Demo:
    """One run of the demonstration in a directory of its own."""

    def __init__(self, directory: Path, provider: str, image: str) -> None:
        self.directory = directory
        self.world = Containers() if provider == "docker" else Processes(directory)
        self.inventory = directory / "inventory.yml"
        self.port = free_port()
        self.steps = 0
        self.told: set[str] = set()
        self.env = {
            **os.environ,
            "HODEI_STATE_DIR": str(directory / "state"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_DEPRECATION_WARNINGS": "0",
            "ANSIBLE_LOCAL_TEMP": str(directory / "ansible"),
            "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
        }
        (directory / "ansible.cfg").write_text("[defaults]\n")  # the user's own settings stay out of it
        for file in (
            *(EXAMPLE / name for name in ("inventory.yml", "ci.py", "ci.hodei.yml")),
            HERE / "inside.yml",
            HERE / "jobs.yml",
        ):
            shutil.copy(file, directory / file.name)
        text = self.inventory.read_text().replace("queue_port: 18723", f"queue_port: {self.port}")
        self.inventory.write_text(text.replace("hodei_owner: ci-demo", self.head()).replace(IMAGE, image))
        for file in (self.inventory, directory / "ci.hodei.yml"):
            if provider != "process":
                text = file.read_text().replace(", trust: same_user", "")
                file.write_text(text.replace("local: {type: process}", f"local: {{type: {provider}}}"))

    def head(self) -> str:
        """Keep state in the directory of the demonstration, which goes away with it."""
        return "hodei_owner: ci-demo\n    hodei_backend: {allow_ephemeral: true}"

    def say(self, title: str, text: str = "") -> None:
        """Begin a step."""
        self.steps += 1
        print(f"\n{self.steps}. {title}", flush=True)
        if text:
            print(f"   {text}", flush=True)

    def play(self, name: str, *options: str, inventory: str = "inventory.yml") -> str:
        """Run a playbook of the collection, show its command, what it says and how long it took."""
        playbook = name if name.endswith(".yml") else f"hodei.workers.{name}"
        print(f"   $ ansible-playbook -i {inventory} {' '.join([playbook, *options])}", flush=True)
        started = time.monotonic()
        output = self.run(playbook, *options, inventory=inventory)
        fresh = [line for line in worth_reading(output) if line not in self.told]
        for line, following in pairwise([*fresh, ""]):
            if not line.startswith("Good to know") or following.startswith("  *"):
                print(f"     {line}")
        self.told.update(line for line in fresh if line.startswith("  *"))
        recap = re.search(r"ok=(\d+)\s+changed=(\d+).*failed=(\d+)", output)
        counts = f"changed={recap[2]} failed={recap[3]}" if recap else ""
        print(f"     ({counts}, {time.monotonic() - started:.1f} s)", flush=True)
        return output

    def run(self, playbook: str, *options: str, inventory: str = "inventory.yml") -> str:
        """Run ansible-playbook and return what it printed; the demonstration ends when it fails."""
        command = ["ansible-playbook", "-i", str(self.directory / inventory), playbook, *options]
        ended = subprocess.run(command, cwd=self.directory, env=self.env, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            stop(f"this failed: {' '.join(command)}\n{ended.stdout}{ended.stderr}")
        return ended.stdout

    def edit(self, before: str, after: str) -> None:
        """Change the document as a person would with an editor."""
        text = self.inventory.read_text()
        if before not in text:
            stop(f"the inventory has no {before!r}")
        self.inventory.write_text(text.replace(before, after))

    def workers(self) -> dict[str, dict[str, Any]]:
        """Ask the collection how the workers are."""
        out = self.directory / "workers.json"
        self.run(str(HERE / "look.yml"), "-e", f"out={out}")
        return {worker["address"]: worker for worker in json.loads(out.read_text())["workers"]}

    def send(self, jobs: list[dict[str, Any]]) -> None:
        """Send jobs to the queue, as somebody does who has its token from the lookup."""
        (self.directory / "jobs.json").write_text(json.dumps({"jobs": jobs}))
        self.play("jobs.yml", "-e", "@jobs.json")

    def queue(self, path: str, body: Any = None) -> Any:
        """Talk to the fleet's own queue."""
        return call(self.port, path, body)


def main() -> int:
    """Run the demonstration; it leaves nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--provider", default="process", choices=["process", "docker"])
    parser.add_argument("--image", default=IMAGE, help="a container image that has python3, a shell and wget or curl")
    options = parser.parse_args()
    started = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="hodei-demo-"))
    try:
        demo = Demo(directory, options.provider, options.image)
    except SystemExit:
        shutil.rmtree(directory)
        raise
    print(f"hodei.workers: a small CI fleet on this machine. {demo.world.what}")
    print(f"Everything lies in {directory} and is gone at the end.")
    try:
        story(demo)
        wait_for(lambda: not demo.world.left(), f"the last {demo.world.one} to leave")
    except urllib.error.URLError as error:
        stop(f"no worker answers on 127.0.0.1 ({error.reason}): does the Engine run on this machine?")
    finally:
        clean_up(demo)
    if directory.exists():
        stop(f"{directory} is still there")
    print(f"\nDone in {time.monotonic() - started:.0f} s; no {demo.world.one} and no file was left behind.")
    return 0


def story(demo: Demo) -> None:
    """Tell it from the first plan to the last delete."""
    demo.say("Initialise: the fleet gets its lineage and its key, once.")
    lineage = re.search(r"hodei_lineage: ([0-9a-f-]+)", demo.play("init"))
    if lineage:
        demo.edit("hodei_owner: ci-demo", f"hodei_owner: ci-demo\n    hodei_lineage: {lineage[1]}")

    demo.say("Plan: what would be done? Nothing is touched yet.")
    demo.play("plan")

    demo.say("Converge: the world becomes what the document says.")
    demo.play("converge")
    work(demo)

    demo.say("Converge again: there is nothing to do.")
    if "changed=0" not in demo.play("converge"):
        stop("a second converge should change nothing")

    secret(demo)

    demo.say("Run a playbook inside the runners: workers are hosts, and ordinary modules work in them.")
    demo.play("inside.yml", inventory="ci.hodei.yml")

    demo.say("A bad day: somebody kills a runner.")
    print(f"   $ {demo.world.kill(demo.workers()['worker.runner[1]'])}     # worker.runner[1]", flush=True)
    wait_for(lambda: demo.workers()["worker.runner[1]"]["state"] == "failed", "the runner to be seen as failed")
    demo.play("converge")

    demo.say("Change the document while a runner is in the middle of a job: LOG_LEVEL: info -> debug, and more grace.")
    runner = start_job(demo)
    print(f"   {runner} works on a job of {JOB_SECONDS} s", flush=True)
    demo.edit("LOG_LEVEL: info", "LOG_LEVEL: debug")
    demo.edit("grace: 5s", "grace: 8s")
    demo.play("plan")
    demo.play("converge")
    result = demo.queue("/results")["results"][-1]
    if (result["runner"], result["output"]) != (runner, "last line"):
        stop(f"the job should have come to its end: {result}")
    print(f"   {runner} was replaced when its job had come to its end: {result['output']!r}", flush=True)

    before = demo.world.native(demo.workers()["worker.queue"])
    demo.say("Rename a worker: queue -> jobs, and hodei_moved says that it is the same.")
    demo.edit("- name: queue\n", "- name: jobs\n")
    demo.edit("depends_on: [queue]", "depends_on: [jobs]")
    demo.edit("    hodei_workers:\n", "    hodei_moved: [{from: worker.queue, to: worker.jobs}]\n    hodei_workers:\n")
    demo.play("converge")
    after = demo.world.native(demo.workers()["worker.jobs"])
    if after != before:
        stop(f"a renamed worker should be the same {demo.world.one}")
    print(f"   worker.jobs is {demo.world.one} {after}, as worker.queue was", flush=True)

    demo.say("Remove a worker from the document: it is pruned.")
    demo.edit(REPORT, "")
    demo.play("converge")
    work(demo)

    demo.say("Destroy: asked for by name.")
    demo.play("destroy", "-e", "hodei_confirm=ci-demo")


def secret(demo: Demo) -> None:
    """Give the secret of the fleet another value, which all who need it have at once."""
    demo.say(
        "A secret: the queue takes jobs only with a token. The converge generated it into an encrypted file,",
        "gave it to the workers as a file of theirs, and plays read it by a lookup. Now it gets another value.",
    )
    try:
        demo.queue("/jobs", {"jobs": []})
    except urllib.error.HTTPError as error:
        print(f"   Without the token: HTTP {error.code}", flush=True)
    else:
        stop("the queue should ask for its token")
    before = natives(demo)
    demo.play("converge", "-e", "hodei_replace=queue/token")
    if natives(demo) != before:
        stop("a worker should get the new value of a file while it runs")
    print("   The workers are the same as before, and have the new one.", flush=True)
    work(demo)


def natives(demo: Demo) -> dict[str, str]:
    """Return the process or container of each worker that listens."""
    return {name: demo.world.native(worker) for name, worker in demo.workers().items() if worker.get("ports")}


def start_job(demo: Demo) -> str:
    """Give a runner something to do for a while, and return its name once it is at it."""
    ports = {one["address"]: one["ports"]["http"] for one in demo.workers().values() if "runner" in one["address"]}
    job = {"name": "long", "command": ["sh", "-c", f"sleep {JOB_SECONDS}; echo last line"]}
    demo.send([job])

    def at_work() -> list[str]:
        return [call(port, "/healthz")["worker"] for port in ports.values() if call(port, "/healthz")["job"] == "long"]

    wait_for(at_work, "a runner to take the job")
    return at_work()[0]


def work(demo: Demo) -> None:
    """Let the fleet do what it is for."""
    before = len(demo.queue("/results")["results"])
    commands = [{"name": f"sum-{n}", "command": ["sh", "-c", f"echo $(( {n} * {n} ))"]} for n in range(1, JOBS + 1)]
    demo.send(commands)
    wait_for(lambda: len(demo.queue("/results")["results"]) == before + JOBS, "the jobs to be done")
    results = demo.queue("/results")["results"][before:]
    runners = sorted({result["runner"] for result in results})
    print(f"   {JOBS} jobs sent to the queue, {len(results)} done by {', '.join(runners)}", flush=True)


def call(port: int, path: str, body: Any = None) -> Any:
    """Send JSON to a worker on this machine, return JSON."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=5) as answer:
        return json.load(answer)


def worth_reading(output: str) -> list[str]:
    """Leave out what Ansible prints around the interesting part."""
    noise = ("PLAY", "TASK", "ok:", "changed:", "localhost ", "included:", "skipping:")
    kept = [line.rstrip() for line in output.splitlines() if not line.startswith(noise) and " : ok=" not in line]
    text = re.sub(r"\n{2,}", "\n", "\n".join(kept)).strip("\n")
    said = re.search(r'"msg": (".*?"|\[.*?\])', output, re.DOTALL)
    if said is not None:
        text = re.sub(r"^\s*(\"msg\".*|\"hodei.*|\]|\}|ok: .*)$", "", text, flags=re.MULTILINE)
        message = json.loads(said[1])
        lines = message if isinstance(message, list) else [message]
        if not any(line in text for line in lines):
            text = "\n".join([text, *lines])
    return [line for line in text.splitlines() if line.strip()]


def wait_for(condition: Any, what: str) -> None:
    """Wait until something is true; give up after a while."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            stop(f"waited {WAIT_SECONDS:.0f} s in vain for {what}")
        time.sleep(0.1)


def clean_up(demo: Demo) -> None:
    """Delete whatever is left, also when the demonstration failed in the middle."""
    command = ["ansible-playbook", "-i", str(demo.inventory), "hodei.workers.destroy", "-e", "hodei_confirm=ci-demo"]
    command += ["-e", "hodei_wait_for_drain=false"]
    if (demo.directory / "state").exists():
        subprocess.run(command, cwd=demo.directory, env=demo.env, capture_output=True, check=False)
    demo.world.clear()
    shutil.rmtree(demo.directory, ignore_errors=True)


def command_line(pid: int) -> str:
    """Return a process's command line, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def stop(message: str) -> NoReturn:
    """End the demonstration with what went wrong."""
    raise SystemExit(f"\ndemo: {message}")


if __name__ == "__main__":
    sys.exit(main())
