"""The table of time zones as a macro, from the library tzlocal, which has it from Unicode's CLDR.

`python -m tests.support.windows_time_zones` writes the macro anew.
"""

from __future__ import annotations

from tzlocal.windows_tz import tz_win

from tests.support.render import PROJECT

MACRO = PROJECT / "macros" / "portability" / "windows_time_zones.sql"
COMMAND = "python -m tests.support.windows_time_zones"


def macro() -> str:
    """Return the text of the macro's file."""
    zones = "".join(f"        '{name}': '{tz_win[name]}',\n" for name in sorted(tz_win) if name)
    return f"""{{#-
    The names of time zones in the IANA list, each with the name that Windows and T-SQL have for it,
    as Unicode's CLDR maps them. Not written by hand, but from the library tzlocal by
    {COMMAND}
-#}}
{{% macro windows_time_zones() -%}}
    {{{{ return({{
{zones}    }}) }}}}
{{%- endmacro %}}
"""


if __name__ == "__main__":
    MACRO.write_text(macro(), encoding="utf-8")
