"""The documentation site with a server behind it, for whoever cannot open it from disk."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from pages.report import page
from pages.serving import KeptPrivate
from warehouse.home import Home

PAGE = "/docs/index.html"


def app(home: Home, *, personal_data: bool = True) -> Starlette:
    """Return what serves the published site at `PAGE`, with the report that it links to.

    Without `personal_data` there is no report that was written with it.
    """
    pages = [folder for folder in (home.docs, home.report) if folder.is_dir()]
    if not personal_data and page.has_personal_data(home.report):
        pages.remove(home.report)
    return Starlette(
        routes=[Mount(f"/{folder.name}", StaticFiles(directory=folder)) for folder in pages],
        middleware=[Middleware(KeptPrivate)],
    )
