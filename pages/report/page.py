"""Composes the page: one HTML file with its style, script, chart library and data in it.

Nothing in the data is ever markup: the script makes every element itself and puts values in as
text, and the page's security policy lets no script run but the two that were composed into it.
"""

import base64
import gzip
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment

from pages.composing import closed, hash_of
from pages.report.content import Content

_PARTS = files("pages.report") / "page"

# Half the time of the usual 6, for a page that is hardly larger: the events are most of it.
_COMPRESSION = 4


def write(folder: Path, content: Content) -> None:
    """Write the page as index.html in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(render(content), encoding="utf-8")


def is_of(folder: Path, version: str, personal_data: bool) -> bool:
    """Tell whether the page in `folder` is this version's, with personal data or without."""
    return f'data-version="{version}" data-personal-data="{_yes(personal_data)}"' in _begin(folder)


def has_personal_data(folder: Path) -> bool:
    """Tell whether there is a page in `folder`, and it is not known to be without personal data."""
    begin = _begin(folder)
    return bool(begin) and 'data-personal-data="no"' not in begin


def _begin(folder: Path) -> str:
    """Return the page's beginning, nothing for want of one."""
    try:
        with (folder / "index.html").open("rb") as page:
            return page.read(1000).decode(errors="replace")
    except OSError:
        return ""


def render(content: Content) -> str:
    """Return the page; without customers in `content` it asks its server for them."""
    from plotly.offline import get_plotlyjs  # late: a run that writes no page does without

    scripts = [closed(get_plotlyjs()), closed(_part("report.js"))]
    return (
        Environment(autoescape=True)
        .from_string(_part("page.html"))
        .render(
            version=content.version,
            personal_data=_yes(content.personal_data),
            policy=_policy(scripts, served=content.customers is None),
            style=_part("style.css"),
            scripts=scripts,
            data=_packed(vars(content)),  # asdict would copy every value
        )
    )


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")


def _packed(data: dict[str, Any]) -> str:
    """Return the data compressed, in letters that mean nothing to an HTML parser."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), _COMPRESSION, mtime=0)).decode()


def _policy(scripts: list[str], served: bool) -> str:
    hashes = " ".join(map(hash_of, scripts))
    # Plotly sets styles on its elements.
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        f"connect-src {chr(39)}{'self' if served else 'none'}{chr(39)}; "
        "base-uri 'none'; form-action 'none'"
    )
