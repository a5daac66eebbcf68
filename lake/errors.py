"""Errors whose text is one clear line for the person who runs the product."""

import re
from collections.abc import Mapping

# What a terminal obeys instead of showing it, and what changes the order in which text is shown.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class C360Error(Exception):
    """Something that the user can understand and act on; `str()` is the message.

    `passing` tells whether the same attempt may succeed later, with nothing done about it.
    """

    def __init__(self, message: str, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class InputError(C360Error):
    """What was given to read is missing, unreadable or declared wrongly."""


class LakeError(C360Error):
    """The lake could not be read or written."""


class ConflictError(LakeError):
    """Somebody else has written the file since it was read."""

    def __init__(self, message: str) -> None:
        super().__init__(message, passing=True)


class UnreadableError(C360Error):
    """A file as a whole is refused by reading; `str()` is the reason, without a full stop."""


class ApiError(C360Error):
    """An API could not be pulled; nothing of that pull was kept and its cursor did not move."""


class QuarantinedError(C360Error):
    """Files (or API pulls) break their contract and were set aside, everything else landed.

    `reasons` maps each file to why.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        listed = " ".join(f"{name}: {reason}." for name, reason in self.reasons.items())
        what = "1 input is" if len(self.reasons) == 1 else f"{len(self.reasons)} inputs are"
        super().__init__(f"{what} in quarantine; correct and send again. {listed}")


def told(error: BaseException) -> str:
    """Return an error as one line: its text, and the notes that it was given on its way up."""
    text = str(error) if isinstance(error, C360Error) else f"{type(error).__name__}: {error}"
    line = " ".join(text.split())
    notes = [f"{note}." for note in getattr(error, "__notes__", ())]
    if notes and not line.endswith("."):
        line += "."
    return visible(" ".join([line, *notes]))


def without_token(location: object) -> str:
    """Return a lake's location as it may be shown: what follows a ? may be a token.

    >>> without_token("https://account.blob.core.windows.net/lake?sig=secret")
    'https://account.blob.core.windows.net/lake'
    """
    return str(location).partition("?")[0]


def masked(text: str) -> str:
    """Return the shape of a text, which tells how it is written and not what it says.

    >>> masked("Zoë Hall, 7 Oak St, z.hall@shop.example")
    'Xxx Xxxx, 9 Xxx Xx, x.xxxx@xxxx.xxxxxxx'
    """
    return "".join(map(_shape, text))


def _shape(letter: str) -> str:
    if letter.isalpha():
        return "X" if letter.isupper() else "x"
    return "9" if letter.isnumeric() else letter


def visible(text: str) -> str:
    r"""Return a text with its control characters written out, so that no terminal obeys them.

    >>> visible("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return _UNSHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
