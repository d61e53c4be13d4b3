"""What METADATA says about the licence, as conda's one-line `license` (core metadata, PEP 639, SPDX)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

#: longer values are texts; the longest SPDX expressions of real projects have some 120 characters.
_LONGEST: Final = 200
_PREFIX: Final = "License :: "

#: classifiers that name one licence; others name a family (`BSD License`) or none (`OSI Approved`).
_CLASSIFIERS: Final = {
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "OSI Approved :: Academic Free License (AFL)": "AFL-3.0",
    "OSI Approved :: Apache Software License": "Apache-2.0",
    "OSI Approved :: Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "OSI Approved :: Blue Oak Model License (BlueOak-1.0.0)": "BlueOak-1.0.0",
    "OSI Approved :: CEA CNRS Inria Logiciel Libre License, version 2.1 (CeCILL-2.1)": "CECILL-2.1",
    "OSI Approved :: Common Development and Distribution License 1.0 (CDDL-1.0)": "CDDL-1.0",
    "OSI Approved :: Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "OSI Approved :: Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "OSI Approved :: European Union Public Licence 1.1 (EUPL 1.1)": "EUPL-1.1",
    "OSI Approved :: European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "OSI Approved :: GNU Affero General Public License v3": "AGPL-3.0-only",
    "OSI Approved :: GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "OSI Approved :: GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "OSI Approved :: GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "OSI Approved :: GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "OSI Approved :: GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "OSI Approved :: GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "OSI Approved :: GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "OSI Approved :: Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "OSI Approved :: ISC License (ISCL)": "ISC",
    "OSI Approved :: MIT License": "MIT",
    "OSI Approved :: MIT No Attribution License (MIT-0)": "MIT-0",
    "OSI Approved :: Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "OSI Approved :: PostgreSQL License": "PostgreSQL",
    "OSI Approved :: Python Software Foundation License": "PSF-2.0",
    "OSI Approved :: SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    "OSI Approved :: The Unlicense (Unlicense)": "Unlicense",
    "OSI Approved :: Universal Permissive License (UPL)": "UPL-1.0",
    "OSI Approved :: Zero-Clause BSD (0BSD)": "0BSD",
    "OSI Approved :: Zope Public License": "ZPL-2.1",
    "OSI Approved :: zlib/libpng License": "Zlib",
}


def conda_license(expression: str | None, classifiers: Iterable[str], text: str | None) -> str | None:
    """The licence in one line; None where METADATA has nothing that would fit.

    Args:
        expression: License-Expression, where it is valid.
        classifiers: of the project.
        text: License, a name or the licence itself.
    """
    if expression is not None:
        return expression
    line = _line(text)
    if line is not None and (spdx := _spdx(line)) is not None:
        return spdx
    named = {value.removeprefix(_PREFIX) for value in classifiers if value.startswith(_PREFIX)} - {"OSI Approved"}
    # Several classifiers may be a choice or a sum, and nobody says which.
    classifier = named.pop() if len(named) == 1 else ""
    if classifier in _CLASSIFIERS:
        return _CLASSIFIERS[classifier]
    return line or classifier.removeprefix("OSI Approved :: ") or None


def _line(text: str | None) -> str | None:
    stripped = (text or "").strip()
    usable = 0 < len(stripped) <= _LONGEST and stripped.isprintable() and stripped.upper() != "UNKNOWN"
    return stripped if usable else None


def _spdx(text: str) -> str | None:
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None
