# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no reader of the file would notice: that chance is chance. The rest of the format is in test_format."""

from __future__ import annotations

from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.stores.local import crypto

BINDING = crypto.Binding("store", "db/password", 1)
MANY = 50


def test_no_data_key_and_no_nonce_comes_twice() -> None:
    """The same value again is another box; a nonce that came twice under one key would give that key's secrets away."""
    data_keys = [crypto.new_data_key() for _unused in range(MANY)]
    assert len({one.reveal() for one in data_keys}) == MANY
    kek = crypto.derive(SecretValue(bytes(32)), "store")
    boxes = [crypto.encrypt(data_keys[0], SecretValue(b"value"), BINDING) for _unused in range(MANY)]
    wrapped = [crypto.wrap(kek, data_keys[0], BINDING) for _unused in range(MANY)]
    for made in (boxes, wrapped):
        assert len({one[: crypto.NONCE_BYTES] for one in made}) == MANY


def test_a_box_opens_where_it_was_made_for_and_nowhere_else() -> None:
    """Of another store, path or version, or under another key; nor does a data key pass for a value."""
    key, kek = crypto.new_data_key(), crypto.derive(SecretValue(bytes(32)), "store")
    box, wrapped = crypto.encrypt(key, SecretValue(b"value"), BINDING), crypto.wrap(kek, key, BINDING)
    assert crypto.decrypt(key, box, BINDING) == SecretValue(b"value")
    assert crypto.unwrap(kek, wrapped, BINDING) == key
    for other in (
        crypto.Binding("other", "db/password", 1),
        crypto.Binding("store", "db/other", 1),
        crypto.Binding("store", "db/password", 2),
    ):
        assert crypto.decrypt(key, box, other) is None
        assert crypto.unwrap(kek, wrapped, other) is None
    assert crypto.unwrap(crypto.Kek("another", kek.wrapping, kek.authentication), wrapped, BINDING) is None
    assert crypto.decrypt(kek.wrapping, wrapped, BINDING) is None
    assert kek.confirms(kek.authenticate("head", b"text"), "head", b"text")
    assert not kek.confirms(kek.authenticate("head", b"text"), "secret", b"text")
