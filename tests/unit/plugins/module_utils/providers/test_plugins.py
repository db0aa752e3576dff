# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers of packages: found when they are asked for, used when they fit, refused in one sentence when not."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.watching import follow
from ansible_collections.hodei.workers.plugins.module_utils.model import ports
from ansible_collections.hodei.workers.plugins.module_utils.model.configs import read_providers
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ABILITIES, PORT_VERSION, Examinable
from ansible_collections.hodei.workers.plugins.module_utils.providers import plugins
from ansible_collections.hodei.workers.plugins.module_utils.providers.registry import (
    BUILT_IN,
    ConfigSchemas,
    provider_type,
)
from ansible_collections.hodei.workers.tests.support.packages import good, install

MAJOR, MINOR = map(int, PORT_VERSION.split(".")[:2])
Install = Callable[..., None]


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install packages; each test has its own, and modules of its own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def put(package: str, source: str, **more: Any) -> None:
        install(tmp_path, package, source, **more)
        plugins._entries.cache_clear()
        plugins.plugin_type.cache_clear()

    yield put
    for name in set(sys.modules) - before:
        del sys.modules[name]
    plugins._entries.cache_clear()
    plugins.plugin_type.cache_clear()


def refusal(kind: str = "pond") -> str:
    """Return why a type cannot be used, as a document's problem tells it."""
    found, problems = read_providers({"x": {"type": kind}}, ConfigSchemas())
    assert not found
    (problem,) = problems
    assert problem.path == "providers.x.type"
    assert problem.hint, "and what to do"
    return f"{problem.message}; {problem.hint}"


def test_a_package_adds_a_type(site_packages: Install) -> None:
    """Its keys are checked, tell the type, and get their place beside the common ones."""
    site_packages("hodei-pond", good())
    for written in ({"type": "pond", "depth": "deep"}, {"depth": "deep"}):
        found, problems = read_providers({"x": written}, ConfigSchemas())
        assert (found["x"]["type"], found["x"]["depth"], problems) == ("pond", "deep", [])
        assert found["x"]["retry"]["attempts"] == 3
    _unused, (problem,) = read_providers({"x": {"type": "pond", "dept": "deep"}}, ConfigSchemas())
    assert str(problem) == "providers.x: unknown field 'dept'; did you mean depth?"
    assert (len(ConfigSchemas()), list(ConfigSchemas())[-1], "lake" in ConfigSchemas()) == (
        len(BUILT_IN) + 1,
        "pond",
        False,
    )
    kind = provider_type("pond")
    assert not kind.local
    assert kind.make("x", {}, "me", Path("/nowhere")).fingerprint().type == "pond"


@pytest.mark.parametrize("version", [f"{MAJOR}.{minor}.{patch}" for minor in range(MINOR + 1) for patch in (0, 7)])
def test_versions_that_are_served(site_packages: Install, version: str) -> None:
    """The same major, no newer minor; what is patched does not matter."""
    site_packages("hodei-pond", good(version=version))
    assert provider_type("pond")


@pytest.mark.parametrize(
    ("version", "cure"),
    [
        (f"{MAJOR}.{MINOR + 1}.0", "Install a newer hodei.workers"),
        (f"{MAJOR + 1}.0.0", "Install a newer hodei.workers"),
        (f"{MAJOR - 1}.9.9", "Install a newer version of that package"),
    ],
)
def test_versions_that_are_refused(site_packages: Install, version: str, cure: str) -> None:
    """Which package, which version, what to do; before anything of it runs."""
    site_packages("hodei-pond", f'PORT_VERSION = "{version}"\n', version="2.5")
    said = refusal()
    assert f"'pond' of hodei-pond 2.5 was written for version {version} of the provider port" in said
    assert f"and this is {PORT_VERSION}" in said
    assert cure in said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nowhere_to_be_found\n", "cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("this is no Python\n", "cannot be imported: SyntaxError"),
        ("raise SystemExit(3)\n", "cannot be imported: SystemExit"),
        ("", "does not say for which version of the port it was written"),
        ('PORT_VERSION = "new"\n', "does not say for which version of the port it was written"),
        ('PORT_VERSION = "1.0.0"\n', "has no function provider_type()"),
        ('PORT_VERSION = "1.0.0"\ndef provider_type():\n    return 1 / 0\n', "failed with ZeroDivisionError in provider_type()"),
        ('PORT_VERSION = "1.0.0"\ndef provider_type():\n    return {}\n', "that is no ProviderType"),
        (good(key="timeout"), "has configuration keys that every provider has already: timeout"),
        (good().replace('"format": "text"', '"format": "nonsense"'), "has a config_schema that cannot be used"),
        (good().replace("Carry(Support.NATIVE)", "'native'"), "has a column that does not map fields to Carry"),
        (good().replace("lambda *args: Nothing()", "None"), "has a make that is no function"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_once(site_packages: Install, source: str, said: str) -> None:
    """At its place in the document, never as a traceback."""
    site_packages("hodei-pond", source)
    assert said in refusal()
    assert "hodei-pond 0.1" in refusal()


def test_two_packages_of_one_type(site_packages: Install) -> None:
    """Nobody guesses which was meant."""
    site_packages("hodei-pond", good())
    site_packages("other-pond", good())
    assert "several packages bring a provider type 'pond': hodei-pond 0.1, other-pond 0.1" in refusal()
    assert "Uninstall all but one" in refusal()


def test_a_name_of_ours(site_packages: Install) -> None:
    """A built-in type stays what it is; one that is to come is not taken either."""
    site_packages("hodei-mine", good(), kind="process")
    site_packages("hodei-docker", good(), kind="cloudflare")
    assert provider_type("process").local
    assert "hodei-docker 0.1 brings a provider type 'cloudflare'" in refusal("cloudflare")
    with pytest.raises(HodeiError, match="name of a type of hodei"):
        plugins.plugin_type("process")


def test_a_provider_that_lies_or_lacks_calls(site_packages: Install) -> None:
    """Found when it is made, or when it is first looked at."""
    site_packages("hodei-pond", good(kind="lake"))
    site_packages("hodei-lake", good(kind="lake", without=("exec", "logs")), kind="lake")
    made = provider_type("pond").make("x", {}, "me", Path("/nowhere"))
    with pytest.raises(HodeiError, match="calls itself 'lake' in its fingerprint, and 'pond' in its package"):
        made.fingerprint()
    with pytest.raises(HodeiError, match=f"hodei-lake 0.1 has no exec, logs, which version {PORT_VERSION}"):
        provider_type("lake").make("x", {}, "me", Path("/nowhere"))


def test_what_a_provider_raises_is_told_as_its_fault(site_packages: Install) -> None:
    """Without its text, which may hold anything."""
    site_packages("hodei-pond", good())
    with pytest.raises(HodeiError) as caught:
        provider_type("pond").make("x", {}, "me", Path("/nowhere")).capacity()
    assert caught.value.kind is Kind.INTERNAL
    assert "'pond' of hodei-pond 0.1 failed with KeyError in capacity" in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_a_call_that_came_after_a_plug_in_was_written(site_packages: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """It need not have it; who asks for it is told."""
    monkeypatch.setattr(plugins, "ADDED", {"capacity": f"{MAJOR}.{MINOR}.0"})
    monkeypatch.setattr(plugins, "_OURS", (MAJOR, MINOR, 0))
    older = f"{MAJOR}.{MINOR - 1}.0" if MINOR else ""
    if older:
        site_packages("hodei-pond", good(version=older, without=("capacity",)).replace("def capacity", "def other"))
        made = provider_type("pond").make("x", {}, "me", Path("/nowhere"))
        with pytest.raises(HodeiError, match="has no capacity: it was written before"):
            made.capacity()
    site_packages("hodei-lake", good("lake", without=("capacity",)).replace("def capacity", "def other"), kind="lake",
                  version="0.2")  # fmt: skip
    monkeypatch.setattr(plugins, "ADDED", {})
    with pytest.raises(HodeiError, match="has no capacity, which version"):
        provider_type("lake").make("x", {}, "me", Path("/nowhere"))


def test_what_a_plug_in_has_beyond_the_port_is_seen_and_nothing_else(site_packages: Install) -> None:
    """Also where a protocol looks at attributes without asking for them, as it does since Python 3.12."""
    source = good().replace(
        "        def capacity", "        def examine(self):\n            return ()\n\n        def capacity"
    )
    site_packages("hodei-pond", source)
    made = provider_type("pond").make("x", {}, "me", Path("/nowhere"))
    assert isinstance(made, Examinable)
    assert inspect.getattr_static(made, "examine")
    assert made.examine() == ()
    for ability in ABILITIES:
        assert isinstance(made, ability) is (ability is Examinable)


def test_all_that_a_provider_may_have_beyond_the_port_is_known_as_such() -> None:
    """Else a plug-in without it would be asked for it."""
    checked = {one for one in vars(ports).values() if getattr(one, "_is_runtime_protocol", False)}
    assert checked - {ports.Provider} == set(ABILITIES)


def test_a_plug_in_from_before_watches_is_taken_and_followed_by_lists(site_packages: Install) -> None:
    """Whoever asks it to watch is refused, and lists it instead."""
    source = good(version="1.1.0", without=("watch",)).replace(
        "lambda self, *args: None", "lambda self, *args: Listing(())"
    )
    site_packages("hodei-pond", source.replace("import Fingerprint, Provider", "import Fingerprint, Listing, Provider"))
    made = provider_type("pond").make("x", {}, "me", Path("/nowhere"))
    with pytest.raises(HodeiError, match="has no watch: it was written before"):
        next(made.watch(1.0))
    assert next(follow("x", made, 1.0)).complete


def test_built_in_types_never_look_at_packages() -> None:
    """A converge of processes does not read site-packages."""
    code = """
import sys
from ansible_collections.hodei.workers.plugins.module_utils.engine.watching import follow
from ansible_collections.hodei.workers.plugins.module_utils.model import ports
from ansible_collections.hodei.workers.plugins.module_utils.model.configs import read_providers
from ansible_collections.hodei.workers.plugins.module_utils.providers.registry import ConfigSchemas
assert read_providers({"x": {"type": "process"}, "y": None, "z": {"directory": "/x"}}, ConfigSchemas())[1] == []
assert "importlib.metadata" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
