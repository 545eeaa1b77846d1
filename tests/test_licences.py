"""Whatever a user's installation pulls in may be passed on without copyleft terms.

Read from the metadata of the installed packages: the core, the workbench extra and all that they
need on this system.
"""

import importlib.metadata
import re
from email.message import Message

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project import run_time

# Packages taken in spite of the judge below, each with its reason.
TAKEN_ANYWAY: dict[str, str] = {}

COPYLEFT = re.compile(r"\b[AL]?GPL|Affero|General Public License", re.IGNORECASE)
UNFREE = re.compile(r"proprietary|commercial|SSPL|BUSL|\bBY-NC\b", re.IGNORECASE)
FREE_TEXT = re.compile(
    r"Redistribution\s+and\s+use\s+in\s+source|Permission\s+is\s+hereby\s+granted|"
    r"Apache\s+License|Mozilla\s+Public\s+License"
)
TITLE = 300  # characters: further down, a licence text speaks of what the wheel bundles


def statements(metadata: Message) -> list[str]:
    """What a package says of its licence in its metadata."""
    classifiers = metadata.get_all("Classifier") or []
    said = [metadata.get("License-Expression"), metadata.get("License")]
    said += [line.split("::")[-1] for line in classifiers if line.startswith("License ::")]
    return [line.strip() for line in said if line and line.strip().upper() != "UNKNOWN"]


def binds(statement: str) -> bool:
    """Whether a statement leaves no way round a copyleft or unfree licence."""
    # A choice is a choice only when written plainly; with brackets all of it counts.
    ways = [statement] if "(" in statement else re.split(r"\s+OR\s+", statement[:TITLE])
    return all(COPYLEFT.search(way[:TITLE]) or UNFREE.search(way[:TITLE]) for way in ways)


def objection(metadata: Message, texts: list[str]) -> str | None:
    """Why a package cannot be taken; nothing if it can."""
    said = statements(metadata)
    if not said:  # the last resort
        said = [text for text in texts if FREE_TEXT.search(text) or binds(text)]
    if not said:
        return "no licence information"
    bound = [line[:TITLE] for line in said if binds(line)]
    return f"licence: {bound[0]}" if bound else None


def installed(wanted: dict[str, Requirement]) -> dict[str, importlib.metadata.Distribution]:
    """Every distribution that these requirements pull in on this system."""
    found, seen, queue = {}, set(), list(wanted.values())
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        if (name, *sorted(requirement.extras)) in seen:
            continue
        seen.add((name, *sorted(requirement.extras)))
        found[name] = importlib.metadata.distribution(name)
        for line in found[name].requires or []:
            below = Requirement(line)
            extras = requirement.extras or {""}
            if not below.marker or any(below.marker.evaluate({"extra": one}) for one in extras):
                queue.append(below)
    return found


def licence_texts(distribution: importlib.metadata.Distribution) -> list[str]:
    """The licence files that a wheel brings in its metadata folder."""
    files = [file for file in distribution.files or [] if ".dist-info" in str(file)]
    named = [file for file in files if re.match(r"LICEN[CS]E|COPYING", file.name, re.IGNORECASE)]
    return [file.read_text(encoding="utf-8") for file in named]


def test_run_time_dependencies_are_free():
    found = installed(run_time())
    assert {"polars", "tornado", "jupyterlab", "scipy"} <= found.keys()  # not only the first level
    objections = {
        name: why
        for name, package in found.items()
        if (why := objection(package.metadata, licence_texts(package)))
    }
    unlisted = {name: why for name, why in objections.items() if name not in TAKEN_ANYWAY}
    assert unlisted == {}
    assert TAKEN_ANYWAY.keys() <= objections.keys(), "no longer needed, take it off the list"


def metadata(**fields: str) -> Message:
    message = Message()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return message


GPL = "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"
PROPRIETARY = "License :: Other/Proprietary License"


@pytest.mark.parametrize(
    "fields",
    [
        {"License_Expression": "GPL-3.0-or-later"},
        {"License_Expression": "MIT AND AGPL-3.0-only"},
        {"License_Expression": "(MIT OR BSD-3-Clause) AND GPL-2.0-only"},
        {"License_Expression": "LGPL-2.1-only"},
        {"License": "GPLv2"},
        {"License": "GNU Affero"},
        {"License": "MIT", "Classifier": GPL},
        {"License": "UNKNOWN", "Classifier": PROPRIETARY},
    ],
)
def test_copyleft_and_unfree_are_refused(fields):
    assert objection(metadata(**fields), []).startswith("licence: ")


@pytest.mark.parametrize(
    "fields",
    [
        {"License_Expression": "BSD-3-Clause AND 0BSD AND Zlib"},
        {"License_Expression": "GPL-2.0-only OR MIT"},
        {"License": "BSD License\n" + "x" * TITLE + "bundled: GPL-3.0-with-GCC-exception"},
        {"License": "UNKNOWN", "Classifier": "License :: OSI Approved :: ISC License (ISCL)"},
    ],
)
def test_free_licences_pass(fields):
    assert objection(metadata(**fields), []) is None


def test_texts_are_the_last_resort():
    nothing = metadata(Name="nameless", License="UNKNOWN")
    assert objection(nothing, []) == "no licence information"
    assert objection(nothing, ["All rights reserved."]) == "no licence information"
    assert objection(nothing, ["Permission is hereby granted, free of charge"]) is None
    assert objection(nothing, ["GNU GENERAL PUBLIC LICENSE\nVersion 3"]).startswith("licence: ")
    assert objection(metadata(License="MIT"), ["GNU GENERAL PUBLIC LICENSE"]) is None
