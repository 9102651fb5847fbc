"""Which permissive licence a text is, by the words that no other licence has."""

from __future__ import annotations

import re

_APACHE = "apache license version 2.0"
_BSD = "redistribution and use in source and binary forms with or without modification"
_PHRASES = (
    ("PSF-2.0", ("python software foundation license version 2",)),
    ("Apache-2.0", (_APACHE, "licensed under the apache license")),
    ("MIT", ("permission is hereby granted free of charge to any person obtaining a copy",)),
    ("ISC", ("permission to use copy modify and or distribute this software for any purpose",)),
)
_COPYLEFT = re.compile(
    r"gnu (?:lesser |library |affero )?general public license|mozilla public license"
    r"|eclipse public license|european union public licence|common development and distribution"
    r"|server side public license|business source license|creative commons attribution (?:non|share)"
)

# A text may name others' licences for files that were taken over. Such files are dropped by their
# folder; so what begins the text decides, unless it is a list of what belongs to others.
_BEGINNING = 4_000


def permissive_licence(text: str) -> str | None:
    """The SPDX name, or None for a text that is none of these or names a copyleft licence early."""
    words = " ".join(re.findall(r"[a-z0-9.]+", text.lower()))
    beginning = words[:_BEGINNING]
    if _COPYLEFT.search(beginning):
        return None
    for name, phrases in _PHRASES:
        if any(phrase in beginning for phrase in phrases):
            return name
    if _BSD in beginning:
        return "BSD-3-Clause" if "endorse or promote products" in words else "BSD-2-Clause"
    return None
