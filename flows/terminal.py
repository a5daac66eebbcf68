"""How texts that come from data or from file names are put on a terminal: as what they are.

Neither the terminal nor rich, which prints here, takes any of it for instructions: no escape
sequence, no [markup], no :emoji: code.
"""

from rich.text import Text

from lake.errors import visible


def plain(text: object, style: str = "") -> Text:
    """Return a text for rich to print letter by letter, its control characters written out."""
    return Text(visible(str(text)), style)
