"""Errors whose text is one clear line for the person who runs the product."""

from collections.abc import Mapping


class C360Error(Exception):
    """Something that the user can understand and act on; `str()` is the message."""


class InputError(C360Error):
    """What was given to read is missing, unreadable or declared wrongly."""


class LakeError(C360Error):
    """The lake could not be read or written; `passing` tells whether another attempt may help."""

    def __init__(self, message: str, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class ConflictError(LakeError):
    """Somebody else has written the file since it was read."""


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
