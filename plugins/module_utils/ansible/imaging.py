# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module fleet_images: which images there are, having all before they are needed, removing those that nobody uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import HodeiError, InvalidDocument, Kind
from ..model.ports import Image, Imaging, Preparing
from ..model.worker import Instance
from .arguments import seconds
from .session import Session, open_session

Found = Mapping[str, Sequence[Image]]


def run_images(module: AnsibleModule) -> dict[str, Any]:
    """List, pull or remove images."""
    params = module.params
    if params["state"] == "absent" and not params["match"]:
        raise HodeiError(
            Kind.VALIDATION,
            "state: absent needs patterns of the images that may go",
            hint="Write match: ['registry.example/team/*'], or ['*'] for all that nobody uses.",
        )
    with open_session(params, write=False) as session:
        for text in session.warnings:
            module.warn(text)
        if params["state"] == "present":
            return _pull(session, check=module.check_mode)
        found = _look(session)
        if params["state"] == "absent":
            going = _going(session, found, params["match"], seconds(params, "older_than"))
            return _remove(session, found, going, check=module.check_mode)
        return {"changed": False, "images": _shown(session, found)}


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
        return {"changed": bool(pulled), "pulled": sorted(pulled), "images": _shown(session, before)}
    refused: list[HodeiError] = []
    for name, provider in providers.items():
        if isinstance(provider, Preparing):
            refused += provider.prepare(_instances(session, name), lambda done, total: None).values()
    after = _look(session)
    pulled = {image for name, images in after.items() for image, _unused in _meant(images) - _meant(before[name])}
    result = {"changed": bool(pulled), "pulled": sorted(pulled), "images": _shown(session, after)}
    if refused:
        told = "".join(f"\n  - {text}" for text in sorted(set(map(str, refused))))
        result |= {"failed": True, "msg": f"not every image can be had:{told}"}
    return result


def _meant(images: Iterable[Image]) -> set[tuple[str, str]]:
    """Return what each name in the document means now."""
    return {(name, one.id) for one in images for name in one.wanted}


# ---- removing --------------------------------------------------------------------------------------------------------


def _going(session: Session, found: Found, patterns: Sequence[str], older_than: float) -> dict[str, list[Image]]:
    now = session.clock()
    return {
        name: [
            one
            for one in images
            if not one.used and not one.wanted and now - one.since >= older_than and _covered(one, patterns)
        ]
        for name, images in found.items()
    }


def _covered(one: Image, patterns: Sequence[str]) -> bool:
    """Tell whether patterns cover all names of an image; one that has lost them all is covered by a pattern for all only."""
    return all(any(fnmatchcase(name, pattern) for pattern in patterns) for name in one.names or ("",))


def _remove(session: Session, found: Found, going: Mapping[str, Sequence[Image]], *, check: bool) -> dict[str, Any]:
    kept: dict[str, str] = {}
    for name, images in going.items():
        provider = session.providers[name]
        for one in () if check else images:
            try:
                if isinstance(provider, Imaging):
                    provider.remove_image(one)
            except HodeiError as error:
                if error.kind is not Kind.CONFLICT:  # somebody uses it after all, or others are built on it
                    raise
                kept[one.id] = error.message
    removed = {name: [one for one in images if one.id not in kept] for name, images in going.items()}
    left = {name: [one for one in images if one not in removed[name]] for name, images in found.items()}
    return {
        "changed": any(removed.values()),
        "removed": _shown(session, removed),
        "kept": kept,
        "images": _shown(session, left),
    }


def _shown(session: Session, found: Found) -> list[dict[str, Any]]:
    now = session.clock()
    return [
        {
            "provider": name,
            "id": one.id,
            "names": list(one.names),
            "size": one.size,
            "age": int(max(0.0, now - one.since)),
            "used": one.used,
            "wanted": bool(one.wanted),
        }
        for name, images in found.items()
        for one in images
    ]
