# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of ``moved``: what is refused, with place and cure, and where an address leads to."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.address import parse_address
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.moved import former_owners, trail
from ansible_collections.hodei.workers.tests.support.fleets import document


def problems(moved: Any, workers: str = "- {name: new}") -> list[str]:
    """Return what is said of a document with these entries."""
    with pytest.raises(InvalidDocument) as refused:
        document(workers, moved=moved)
    return [str(one) for one in refused.value.problems]


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        ([{"from": "a", "to": "a"}], ["moved[0]: worker.a moves to itself; remove this entry"]),
        (
            [{"from": "owner.a", "to": "worker.new"}],
            ["moved[0]: owner.a cannot become worker.new; write two workers, or two owners"],
        ),
        (
            [{"from": "owner.a", "to": "owner.b"}, {"from": "owner.b", "to": "owner.a"}],
            ["moved[0]: owners move in a circle: owner.a -> owner.b -> owner.a; remove one of these entries"],
        ),
        (
            [{"from": "owner.a", "to": "owner.c"}, {"from": "owner.b", "to": "owner.c"}],
            [
                "moved[1]: owner.a and owner.b both move to owner.c (see moved[0]); only one of them can be it: remove the other entry"
            ],
        ),
        (
            [{"from": "a", "to": "b"}, {"from": "a", "to": "c"}],
            ["moved[1]: worker.a moves to worker.b already (see moved[0]); remove one of the two"],
        ),
        (
            [{"from": "a", "to": "new"}, {"from": "b", "to": "new"}],
            [
                "moved[1]: worker.a and worker.b both move to worker.new (see moved[0]); only one of them can be it: remove the other entry"
            ],
        ),
        (
            [{"from": "a", "to": "b"}, {"from": "b", "to": "c"}, {"from": "c", "to": "a"}],
            [
                "moved[0]: workers move in a circle: worker.a -> worker.b -> worker.c -> worker.a; remove one of these entries"
            ],
        ),
        (
            [{"from": "a[0]", "to": "b[0]"}, {"from": "b", "to": "a"}],
            [
                "moved[0]: workers move in a circle: worker.a[0] -> worker.b[0] -> worker.a[0]; remove one of these entries"
            ],
        ),
        (
            [{"from": "new", "to": "other"}],
            [
                (
                    "moved[0]: worker.new moves to worker.other, but the document still has a worker worker.new; "
                    "remove that worker, or this entry"
                )
            ],
        ),
    ],
)
def test_contradictions(moved: Any, said: list[str]) -> None:
    assert problems(moved) == said


def test_an_instance_that_is_still_there() -> None:
    (said,) = problems([{"from": "web[0]", "to": "new"}], "[{name: new}, {name: web, count: 1}]")
    assert "worker.web[0] moves to worker.new, but the document still has a worker worker.web[0]" in said


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        ({"a": "b"}, "moved"),
        ([{"from": "a"}], "'to' is missing"),
        ([{"from": "a", "to": "b", "why": "c"}], "why"),
        ([{"from": "a", "to": "worker.b[x]"}], "moved[0].to"),
        (["a -> b"], "moved[0]"),
    ],
)
def test_what_is_not_written_as_it_should_be(moved: Any, words: str) -> None:
    (said,) = problems(moved)
    assert words in said


def test_chains_and_precedence() -> None:
    moves = document(
        "- {name: new}",
        moved=[{"from": "a", "to": "b"}, {"from": "b", "to": "c"}, {"from": "b[1]", "to": "single"}],
    ).moves

    def end(text: str) -> str:
        way = trail(moves, parse_address(text))
        return str(way.target) if way else "stays"

    assert [end(text) for text in ("a", "a[0]", "a[1]", "b[0]", "b[1]", "c", "new")] == [
        *("worker.c", "worker.c[0]", "worker.single", "worker.c[0]", "worker.single", "stays", "stays"),
    ]


def test_they_belong_to_the_digest_of_the_document() -> None:
    plain, moved = document("- {name: new}"), document("- {name: new}", moved=[{"from": "a", "to": "new"}])
    assert plain.digest != moved.digest
    assert plain.digest == document("- {name: new}", moved=[]).digest


def test_what_an_owner_was_called() -> None:
    """The latest name first; workers of the same name have nothing to do with it."""
    moves = document(
        "- {name: new}",
        moved=[
            {"from": "owner.a", "to": "owner.b"},
            {"from": "owner.b", "to": "owner.c"},
            {"from": "b", "to": "new"},
            {"from": "owner.x", "to": "owner.y"},
        ],
    ).moves
    assert former_owners(moves, "c") == ["b", "a"]
    assert former_owners(moves, "new") == []
    assert trail(moves, parse_address("owner.a")) == (parse_address("owner.c"), moves[0])
    assert trail(moves, parse_address("a")) is None
