# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that stand for secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.placeholders import (
    filled,
    names_secrets,
    reference,
    references,
)

NAMES = st.sampled_from(["a", "db/password", "@acme/db/password", "a.b-c_d/E"])
FIELDS = st.text(st.characters(exclude_categories=["C"]), max_size=8)
TEXT = st.text(max_size=8).filter(lambda text: "@@hodei" not in text)


@given(st.lists(st.tuples(NAMES, FIELDS, st.none() | st.integers(1, 99)), max_size=4), TEXT)
def test_what_is_written_is_read(wanted: list[tuple[str, str, int | None]], between: str) -> None:
    """Whatever stands between the words; `@` at their ends belongs to the text."""
    words = [reference(name, field=field, version=version) for name, field, version in wanted]
    text = f"{between}{between.join(words)}{between}"
    read = references(text)
    said = [{"secret": n, "field": f, "version": v} for n, f, v in wanted]
    assert read == [{key: value for key, value in one.items() if value} for one in said]
    assert names_secrets(text) == bool(wanted)
    values = [str(number) for number, _unused in enumerate(wanted)]
    assert filled(text, values) == f"{between}{between.join(values)}{between}"


def test_a_value_is_no_template() -> None:
    """What a secret holds is never looked at for words, nor for what a regular expression writes as a backslash."""
    text = f"{reference('a')} {reference('b')}"
    assert filled(text, [reference("b"), r"\1\g<0>"]) == rf"{reference('b')} \1\g<0>"


@pytest.mark.parametrize(
    "text",
    [
        "@@hodei.secret:a",
        "@@hodei.secret:a b@@",
        "@@hodei.secret:../a@@",
        "@@hodei.secret:a?colour=red@@",
        "@@hodei.secret:a?version=x@@",
        "@@hodei.secret:a?field@@",
        "@@hodei.secret:@@",
    ],
)
def test_a_broken_word_is_told(text: str) -> None:
    """It would else stand in the worker's file as it is."""
    with pytest.raises(HodeiError, match="does not name a secret"):
        references(text)
