"""Keeps what Jinja makes of dbt's templates from one run to the next.

In each process dbt has the macros and models that it uses translated to Python again, hundreds of
them. The same text gives the same, and that takes a tenth of the time of a day's run.
"""

import hashlib
import marshal
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import Any

Translated = dict[tuple[str, bytes], CodeType]


class Templates:
    """The translations of one run, and those that the runs before it left in a file."""

    def __init__(self, file: Path) -> None:
        """Keep them in this file; nothing is read yet."""
        self._file = file
        self._before: Translated | None = None
        self._used: Translated = {}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Have dbt take what is kept; what it makes anew is kept too."""
        from dbt_common.clients.jinja import MacroFuzzEnvironment as Environment

        if self._before is None:
            self._before = self._read()
        before, is_new = self._before, False
        translate = Environment.compile

        def take(environment: Any, source: Any, *arguments: Any, **named: Any) -> Any:
            nonlocal is_new
            if arguments or named or not isinstance(source, str):
                return translate(environment, source, *arguments, **named)
            key = type(environment).__name__, hashlib.sha256(source.encode()).digest()
            code = self._used.get(key) or before.get(key)
            if code is None:
                code = translate(environment, source)
                is_new = True
            self._used[key] = code
            return code

        setattr(Environment, "compile", take)  # noqa: B010
        try:
            yield
        finally:
            delattr(Environment, "compile")  # back to that of its parent
            if is_new:
                self._write()

    @property
    def _made_by(self) -> tuple[str | None, ...]:
        return sys.implementation.cache_tag, version("jinja2"), version("dbt-common")

    def _read(self) -> Translated:
        try:
            made_by, translated = marshal.loads(self._file.read_bytes())
        except (OSError, ValueError, EOFError, TypeError):  # none yet, or not one that is whole
            return {}
        return translated if made_by == self._made_by else {}

    def _write(self) -> None:
        """Keep what this run has used; what it has not may be of another version of the project."""
        new = self._file.with_name(self._file.name + ".new")
        new.write_bytes(marshal.dumps((self._made_by, self._used)))
        os.replace(new, self._file)
