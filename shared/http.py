"""What both HTTP sides share: an application that answers with problems (RFC 9457) that name the field and stand in the
API's document, inside the edges of `shared.edges`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast
from urllib.parse import quote

from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from pymongo.errors import PyMongoError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match, Mount

from shared.commands import NotTaken
from shared.edges import MAX_BODY_BYTES, AnswersHead, BodyLimit, KnownHosts, Punctual, SafeHeaders, Utf8Forms
from shared.failures import Transient, Unreadable, Wedged, is_transient
from shared.openapi import PROBLEM, with_problems
from shared.problems import CODES, Problem, field_problem, fields_of
from shared.settings import Settings

__all__ = ["MAX_BODY_BYTES", "PROBLEM", "Problem", "application", "field_problem", "fields_of"]

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_QUERY = "%&=+;:@!$'()*,/?-._~"


def application(
    title: str,
    larger_bodies: Mapping[str, int] = MappingProxyType({}),
    *,
    settings: Settings | None = None,
    url: str = "",
) -> FastAPI:
    """An application with the common behaviour. Its documentation page brings its own scripts. `larger_bodies` names
    the ends of paths that take more than `MAX_BODY_BYTES`, and how much. `url` is where people reach it: under https
    they are told to stay there. Without `settings`, which name the hosts, any host will do.
    """
    # Starlette's redirect to the path without its slash would name whatever host the request does.
    app = FastAPIOffline(title=title, version="1", redoc_url=None, redirect_slashes=False)
    if settings is not None and not settings.docs:
        _take_away_docs(app)
    # The last one stands outside the others.
    app.add_middleware(BodyLimit, larger=larger_bodies)
    app.add_middleware(Utf8Forms)
    app.add_middleware(Punctual)
    app.add_middleware(AnswersHead)
    if settings is not None:
        app.add_middleware(KnownHosts, names=settings.known_hosts)
    app.state.https = url.startswith("https:")
    stack = app.build_middleware_stack
    app.build_middleware_stack = lambda: SafeHeaders(stack(), https=app.state.https)  # type: ignore[method-assign]
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(NotTaken, _on_not_taken)
    app.add_exception_handler(Wedged, _on_not_taken)
    app.add_exception_handler(Unreadable, _on_unreadable)
    app.add_exception_handler(KafkaError, _on_server_error)
    app.add_exception_handler(Transient, _on_server_error)
    app.add_exception_handler(PyMongoError, _on_server_error)
    app.add_exception_handler(Exception, _on_bug)
    described = app.openapi
    app.openapi = lambda: app.openapi_schema or with_problems(described())  # type: ignore[method-assign]
    return app


def _take_away_docs(app: FastAPI) -> None:
    """The document stays for whoever asks the application itself; nobody is served it."""
    app.router.routes.clear()


async def _on_problem(_request: Request, error: Exception) -> Response:
    return cast("Problem", error).response()


async def _on_invalid(_request: Request, error: Exception) -> Response:
    return field_problem(fields_of(cast("RequestValidationError", error).errors())).response()


async def _on_http_error(request: Request, error: Exception) -> Response:
    http = cast("HTTPException", error)
    if http.status_code == 404 and (place := _without_slash(request)):
        return Response(status_code=308, headers={"Location": place})
    problem = Problem(http.status_code, CODES.get(http.status_code, "error"), str(http.detail)).response()
    problem.headers.update(http.headers or {})
    if http.status_code == 405:
        problem.headers["Allow"] = ", ".join(_allowed(request))
    return problem


def _allowed(request: Request) -> list[str]:
    """The methods of all routes at this address. Starlette names those of the first route only. Where GET works, HEAD
    does.
    """
    scopes = {method: {**request.scope, "method": "GET" if method == "HEAD" else method} for method in _METHODS}
    return [
        method
        for method, scope in scopes.items()
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]


def _without_slash(request: Request) -> str | None:
    """The same address without the slash at its end, if something is there. Of the request's own words only path and
    query are in it, and the path begins with one slash: it leads to this site whatever it says.
    """
    path = request.scope["path"]
    if not path.endswith("/") or not path.strip("/"):
        return None
    place = "/" + path.strip("/")
    scope = {**request.scope, "path": place}
    if not any(not isinstance(route, Mount) and route.matches(scope)[0] is Match.FULL for route in request.app.routes):
        return None
    query = request.scope["query_string"].decode("latin-1")
    return quote(place) + (f"?{quote(query, safe=_QUERY)}" if query else "")


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    """Whoever was sending is gone, and nobody reads this."""
    return Response(status_code=400)


async def _on_bug(_request: Request, _error: Exception) -> Response:
    """It is raised on after this, and logged."""
    return Problem(500, "our_fault", "Something went wrong on our side. We have been told.").response()


async def _on_not_taken(_request: Request, _error: Exception) -> Response:
    return Problem(
        503, "try_again", "The command could not be stored just now. Send it again with the same Idempotency-Key."
    ).response()


async def _on_server_error(_request: Request, error: Exception) -> Response:
    """Also when an operator has to mend it: nothing is wrong with the request."""
    if not is_transient(error):
        raise error
    return Problem(503, "try_again", "The data cannot be reached just now. Try again in a moment.").response()


async def _on_unreadable(_request: Request, _error: Exception) -> Response:
    """In the middle of a rolling upgrade: another replica, or this one in a few minutes, can read it."""
    return Problem(503, "try_again", "This is being moved to a newer release. Try again in a minute.").response()
