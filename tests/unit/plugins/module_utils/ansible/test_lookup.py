# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a lookup's options and a play's variables to requests, and from answers to values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hodei.workers.plugins.module_utils.ansible.lookup import OPTIONS, look_up
from ansible_collections.hodei.workers.plugins.module_utils.ansible.lookup import options as options_of
from ansible_collections.hodei.workers.plugins.module_utils.broker.client import Refused
from ansible_collections.hodei.workers.plugins.module_utils.broker.wire import Frame
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError

ROOT = Path(__file__).resolve().parents[5]
STORES = {"hodei_stores": {"safe": {"type": "local", "path": "/a"}, "other": {"type": "local", "path": "/b"}}}


class FakeDesk:
    """Answers with values by name, and with errors."""

    def __init__(self, **values: bytes | tuple[str, str]) -> None:
        self.values, self.asked = values, list[Mapping[str, Any]]()

    def ask(self, request: Mapping[str, Any]) -> Frame:
        """Answer."""
        self.asked.append(request)
        found = self.values.get(request["name"], b"value")
        if isinstance(found, bytes):
            return Frame({"version": 1}, found)
        raise Refused({"kind": found[0], "fault": found[1], "message": "so it is", "hint": "", "where": ""})

    def known(self, texts: Sequence[str]) -> list[bool]:
        """Know nothing."""
        return [False for _unused in texts]

    def forget(self) -> None:
        """Forget nothing."""


def ask(
    desk: FakeDesk, *terms: Any, variables: Mapping[str, Any] | None = None, **options: Any
) -> tuple[list[Any], list[str]]:
    """Look up, and return what was said, too."""
    said: list[str] = []
    documents = {"fleet.yml": {"owner": "filed", "stores": {"filed": {}}}}
    found = look_up(
        terms,
        options_of(options),
        {"hodei_owner": "ci"} if variables is None else variables,
        template=lambda value: value.replace("{{ s }}", "safe") if isinstance(value, str) else value,
        load=documents.__getitem__,
        desk=desk,
        warn=said.append,
    )
    return found, said


def test_without_stores_there_is_one() -> None:
    """The store local of the owner."""
    desk = FakeDesk()
    assert ask(desk, "db/password") == (["value"], [])
    (asked,) = desk.asked
    assert asked["address"]["store"] == "local"
    assert asked["address"]["config"] == {"type": "local"}
    assert asked["address"]["owner"] == "ci"


def test_the_store_is_the_one_named_or_declared_or_the_only_one() -> None:
    """In this order; of several one has to be named."""
    declared = {"hodei_secrets": [{"name": "a", "store": "{{ s }}"}, {"name": "b", "store": "other"}]}
    mapped = {"hodei_secrets": {"b": None}, "hodei_secrets__more": {"a": {"store": "safe"}}}
    desk = FakeDesk()
    ask(desk, "a", "b", variables={**STORES, **declared})
    ask(desk, "a", variables={**STORES, **mapped})
    ask(desk, "a", variables={**STORES, **mapped}, store="other")
    ask(desk, "a", variables={}, stores={"mine": {}})
    assert [one["address"]["store"] for one in desk.asked] == ["safe", "other", "safe", "other", "mine"]
    with pytest.raises(HodeiError, match="several stores"):
        ask(desk, "c", variables={**STORES, **mapped})
    with pytest.raises(HodeiError, match="There are: safe, other"):
        ask(desk, "c", variables=STORES, store="safes")


def test_a_value_beside_the_declared_store_is_never_templated() -> None:
    """It may be a lookup of this secret: that would not end."""

    class Untouchable(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            raise AssertionError(key)

    entry = Untouchable(store="safe")
    entry_list = [{"name": "x", "value": entry}, {"name": "a", "store": "safe", "value": entry}]
    assert ask(FakeDesk(), "a", variables={**STORES, "hodei_secrets": entry_list})[0] == ["value"]


def test_an_option_wins_over_the_document_and_that_over_variables() -> None:
    """As in modules."""
    desk = FakeDesk()
    variables = {**STORES, "hodei_owner": "ci", "hodei_document": "fleet.yml", "hodei_state_dir": "/s"}
    ask(desk, "a", variables=variables)
    ask(desk, "a", variables=variables, owner="me")
    places = [(one["address"]["owner"], one["address"]["store"], one["address"]["state_dir"]) for one in desk.asked]
    assert places == [("filed", "filed", "/s"), ("me", "filed", "/s")]


def test_who_asks_is_told() -> None:
    """For the audit."""
    desk = FakeDesk()
    ask(desk, "a", variables={"ansible_play_name": "P", "inventory_hostname": "h", "ansible_task_name": None})
    assert desk.asked[0]["by"] == {"play": "P", "host": "h", "access": None}


@pytest.mark.parametrize(
    ("written", "sent"), [("3", 3), (3, 3), ("current", "current"), ("-1", "-1"), ("\u0663", "\u0663")]
)
def test_versions(written: Any, sent: Any) -> None:
    """A number is one; what is none is left to the broker, which knows the stages."""
    desk = FakeDesk()
    ask(desk, "a", version=written)
    assert desk.asked[0]["version"] == sent


@pytest.mark.parametrize("fault", ["missing", "deleted", "denied", "field"])
@pytest.mark.parametrize("wish", ["error", "warn", "skip"])
@pytest.mark.parametrize("default", [None, "", "instead"])
def test_what_is_not_there(fault: str, wish: str, default: str | None) -> None:
    """Fails, is told, or is left out; with a default that is in its place."""
    answers = {
        "missing": ("not_found", "not_found"),
        "deleted": ("not_found", "deleted"),
        "denied": ("authorization", "denied"),
        "field": ("not_found", ""),
    }
    desk = FakeDesk(a=answers[fault])
    options: dict[str, Any] = {f"on_{'missing' if fault == 'field' else fault}": wish, "default": default}
    if wish == "error":
        with pytest.raises(HodeiError, match="a: so it is"):
            ask(desk, "a", **options)
        return
    found, said = ask(desk, "a", "b", **options)
    assert found == (["value"] if default is None else [default, "value"])
    assert said == (["hodei.workers.secret: so it is"] if wish == "warn" else [])


def test_a_default_stands_for_what_is_missing_and_never_for_what_is_denied() -> None:
    """Without another word."""
    desk = FakeDesk(
        a=("not_found", "not_found"), b=("not_found", "deleted"), c=("authorization", "denied"), d=("network", "")
    )
    assert ask(desk, "a", "b", default="x")[0] == ["x", "x"]
    assert ask(desk, "a", "b", on_missing="skip")[0] == []
    for name in ("c", "d"):
        with pytest.raises(HodeiError):
            ask(desk, name, default="x")
    with pytest.raises(HodeiError):
        ask(desk, "b", default="x", on_deleted="error")


def test_what_is_no_text_is_told_without_it() -> None:
    """Neither the message nor anything that the error carries has the value."""
    with pytest.raises(HodeiError, match="no UTF-8 text") as caught:
        ask(FakeDesk(a=b"Can\xffary"), "a")
    assert caught.value.__context__ is None
    with pytest.raises(HodeiError, match="is text, not int"):
        ask(FakeDesk(), 7)


def test_options_are_what_they_should_be() -> None:
    """As Ansible itself would read them; None is left out."""
    given = {"store": 7, "tenant": "t", "max_age": "30", "on_missing": "skip", "default": [None], "field": None}
    assert options_of({**given, "wantlist": True}) == {
        **OPTIONS,
        "store": "7",
        "tenant": "t",
        "max_age": 30.0,
        "on_missing": "skip",
        "default": [None],
    }
    assert options_of({}) == OPTIONS


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"store": "a", "on_mising": "skip"}, "no option 'on_mising'. Did you mean on_missing?"),
        ({"backend": {}}, "no option 'backend'. There are: store, "),
        ({"on_denied": "ignore"}, "option on_denied is error, warn or skip, not 'ignore'"),
        ({"on_missing": ["skip"]}, "option on_missing is error, warn or skip, not list"),
        ({"max_age": "soon"}, "option max_age is a number of seconds, not 'soon'"),
        ({"max_age": []}, "option max_age is a number of seconds, not list"),
        (
            {"stores": '{"safe": {"token": "Canary"}}'},
            "option stores is a mapping by name, as hodei_stores is, not str",
        ),
        ({"store": {"token": "Canary"}}, "option store is text, not dict"),
    ],
)
def test_an_option_that_cannot_be_meant(given: dict[str, Any], message: str) -> None:
    """Ansible itself says nothing of one that there is not; what is shown is never what could hold a credential."""
    with pytest.raises(HodeiError) as caught:
        options_of(given)
    assert message in str(caught.value)


def test_the_documentation_knows_the_options() -> None:
    """It stands in a file of its own, so nothing but this keeps the two together."""
    text = (ROOT / "plugins" / "lookup" / "secret.yml").read_text(encoding="utf-8")
    told = yaml.safe_load(text)["DOCUMENTATION"]["options"]
    assert list(told) == ["_terms", *OPTIONS]
    for name, default in OPTIONS.items():
        assert told[name].get("default") == default, name


@pytest.mark.parametrize(
    ("kind", "more"), [("not_found", ". Mind spelling, tenant, store and owner."), ("network", "")]
)
def test_what_is_not_found_is_to_be_looked_for(kind: str, more: str) -> None:
    with pytest.raises(HodeiError) as caught:
        ask(FakeDesk(a=(kind, "")), "a")
    assert str(caught.value) == f"a: so it is{more}"
