"""The report with a server behind it: the same page, every customer, where each figure is from."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.requests import Request
from starlette.staticfiles import StaticFiles

from lake import versions
from lake.errors import C360Error, InputError
from lake.local import LocalLake
from pages.report import content, page
from pages.report.customers import Customers
from pages.report.explanations import Explanations
from pages.serving import KeptPrivate
from warehouse.answers import ask
from warehouse.home import Home

PAGE = "/report/index.html"

# A number or a text, which may have slashes in it: it is no part of a path.
CustomerId = Annotated[str, Query(alias="id", max_length=64)]


def app(home: Home, *, personal_data: bool, sources: Path | None = None) -> FastAPI:
    """Return the web application: the page at `PAGE`, its questions below /report/api.

    Every answer is of the version that is published when it is asked. The documentation is at
    /docs, where the page's links lead. Lines of files are shown as `sources` declares them. Raises
    C360Error when nothing is published.
    """
    customers = Customers(home, personal_data)
    explanations = Explanations(home, customers, personal_data, sources)
    with customers.warehouse():  # tells at once when there is nothing to serve
        pass
    served = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    served.add_middleware(KeptPrivate)

    @served.exception_handler(C360Error)
    def tell(_request: Request, error: C360Error) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=503)

    @served.get("/")
    @served.get("/report")
    def to_page() -> RedirectResponse:
        return RedirectResponse(PAGE)

    @served.get(PAGE)
    def report() -> HTMLResponse:
        published = versions.published(LocalLake(home.lake))
        with customers.warehouse() as (connection, _):
            answers = ask(lambda sql: connection.execute(sql).fetchall(), marts="marts")
        return HTMLResponse(
            page.render(
                content.compose(
                    answers,
                    version=published.version if published else "",
                    personal_data=personal_data,
                )
            )
        )

    @served.get("/report/api/customers")
    def find(
        q: Annotated[str, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> dict[str, Any]:
        return customers.find(q, limit)

    @served.get("/report/api/customer")
    def get(customer_id: CustomerId) -> dict[str, Any]:
        found = customers.get(customer_id)
        if found is None:
            raise HTTPException(404, f"No customer has the id {customer_id}.")
        return found

    @served.get("/report/api/customer/events")
    def events(customer_id: CustomerId, offset: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        return {"rows": customers.events(customer_id, offset)}

    @served.get("/report/api/explain")
    def explain(
        mart: Annotated[str, Query(max_length=100)],
        column: Annotated[str | None, Query(max_length=100)] = None,
        where: Annotated[list[str] | None, Query(max_length=10)] = None,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> dict[str, Any]:
        try:
            return explanations.explain(mart, column, where or [], offset)
        except InputError as error:
            raise HTTPException(400, str(error)) from error

    served.mount("/docs", StaticFiles(directory=home.docs, html=True, check_dir=False))
    return served
