"""Names in right-to-left scripts inside our own left-to-right lines (Unicode Annex 9). Pure.

Without isolation a right-to-left name takes the neighbouring signs with it: "source → target" of two such names is
shown the other way round, and a number after a name seems to stand before it. A name may also hold the controls that
reorder text; they are shown as what they are instead.
"""

from __future__ import annotations

import re

FSI, PDI = "\u2068", "\u2069"
_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# The blocks that hold every sign of the classes R, AL and AN (UnicodeData; a test goes through all of them).
_FROM_THE_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")


def isolated(text: str) -> str:
    """`text` unable to reorder what stands around it; unchanged where it holds nothing from right to left."""
    if text.isascii():
        return text
    shown = text if _closed(text) else _CONTROLS.sub(lambda found: f"U+{ord(found.group()):04X}", text)
    return f"{FSI}{shown}{PDI}" if _FROM_THE_RIGHT.search(shown) else shown


def _closed(text: str) -> bool:
    """Its only controls are isolates, each closed: so it cannot reorder anything outside of them."""
    depth = 0
    for sign in _CONTROLS.findall(text):
        depth += {FSI: 1, PDI: -1}.get(sign, -len(text))
        if depth < 0:
            return False
    return depth == 0
