"""What Azure's errors say."""


def error_code(error: BaseException) -> str:
    """Return the service's own name for an error; empty when it gave none."""
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
