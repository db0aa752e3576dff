# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module fleet_images: which images there are, having all before they are needed, removing those that nobody uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import HodeiError, InvalidDocument
from ..model.ports import Image, Imaging, Preparing, Provider
from ..model.worker import Instance
from .pruning import Goods
from .session import Session, open_session

Found = Mapping[str, Sequence[Image]]


def run_images(module: AnsibleModule) -> dict[str, Any]:
    """List, pull or remove images."""
    params = module.params
    _IMAGES.need_patterns(params)
    with open_session(params, write=False) as session:
        for text in session.warnings:
            module.warn(text)
        if params["state"] == "present":
            return _pull(session, check=module.check_mode)
        found = _look(session)
        if params["state"] == "absent":
            return _IMAGES.prune(session, params, found, check=module.check_mode)
        return {"changed": False, "images": _IMAGES.shown(session, found)}


def _instances(session: Session, name: str) -> list[Instance]:
    return [one for one in session.document.instances if one.provider == name]


def _look(session: Session) -> Found:
    return {
        name: provider.images(_instances(session, name))
        for name, provider in session.providers.items()
        if isinstance(provider, Imaging)
    }


# ---- pulling ---------------------------------------------------------------------------------------------------------


def _pull(session: Session, *, check: bool) -> dict[str, Any]:
    before = _look(session)
    providers = {name: session.providers[name] for name in before}
    if check:
        problems = [each for name, one in providers.items() for each in one.validate(_instances(session, name))]
        if problems:
            raise InvalidDocument(dict.fromkeys(problems))
        named = {(name, str(one.spec["image"])) for name in before for one in _instances(session, name)}
        pulled = {image for name, image in named if image not in {each for each, _unused in _meant(before[name])}}
        return {"changed": bool(pulled), "pulled": sorted(pulled), "images": _IMAGES.shown(session, before)}
    refused: list[HodeiError] = []
    for name, provider in providers.items():
        if isinstance(provider, Preparing):
            refused += provider.prepare(_instances(session, name), lambda done, total: None).values()
    after = _look(session)
    pulled = {image for name, images in after.items() for image, _unused in _meant(images) - _meant(before[name])}
    result = {"changed": bool(pulled), "pulled": sorted(pulled), "images": _IMAGES.shown(session, after)}
    if refused:
        told = "".join(f"\n  - {text}" for text in sorted(set(map(str, refused))))
        result |= {"failed": True, "msg": f"not every image can be had:{told}"}
    return result


def _meant(images: Iterable[Image]) -> set[tuple[str, str]]:
    """Return what each name in the document means now."""
    return {(name, one.id) for one in images for name in one.wanted}


# ---- removing --------------------------------------------------------------------------------------------------------


def _remove(provider: Provider, image: Image) -> None:
    if isinstance(provider, Imaging):
        provider.remove_image(image)


_IMAGES = Goods(
    plural="images",
    example="registry.example/team/*",
    key=lambda one: one.id,
    names=lambda one: one.names,
    about=lambda one: {"id": one.id, "names": list(one.names), "size": one.size},
    remove=_remove,
)
