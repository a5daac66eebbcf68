"""Errors whose text is one clear line for the person who runs the product."""

from collections.abc import Mapping


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
    return " ".join([line, *notes])
