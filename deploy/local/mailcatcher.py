"""A mail server that delivers nothing: it shows what would have been sent.

`python -m deploy.local.mailcatcher --smtp-port 1025 --http-port 8025`. The HTTP side answers as
Mailpit does, so that tests and people can put a Mailpit in its place.
"""

import argparse
import asyncio
import json
import socket
from collections.abc import Sequence

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deploy.local.mailbox import Mail, Mailbox
from deploy.local.mailpages import HEADERS, MAIL_HEADERS, list_page, mail_document, mail_page

_LARGEST_MAIL = 10_000_000
_LIST_ON_PAGE = 200
# A page somewhere on the web must not read sign-in mails by pointing its own host name at this machine.
_LOCAL_NAMES = ["127.0.0.1", "localhost"]


class Keep:
    """What aiosmtpd does with a mail: keeps it."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802  # aiosmtpd's signature
        """Called once a mail has arrived whole; the answer goes to the sender."""
        raw = envelope.original_content or b""
        self._mailbox.add(Mail(raw, envelope.mail_from or "", envelope.rcpt_tos))
        return "250 2.0.0 Kept, not delivered"


class MailApi:
    """Mailpit's API for what Jobwire needs, and a page for people at `/`."""

    def __init__(self, mailbox: Mailbox, names: Sequence[str] = _LOCAL_NAMES) -> None:
        """`names` are the host names that it answers to; `*` is any."""
        self._mailbox = mailbox
        self._names = names

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/", self.index),
            Route("/view/{id}", self.view),
            Route("/view/{id}/html", self.html_part),
            Route("/api/v1/messages", self.messages, methods=["GET"]),
            Route("/api/v1/messages", self.delete, methods=["DELETE"]),
            Route("/api/v1/search", self.search),
            Route("/api/v1/message/{id}", self.message),
            Route("/api/v1/message/{id}/headers", self.headers),
            Route("/api/v1/message/{id}/raw", self.raw),
        ]
        return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=self._names)])

    async def messages(self, request: Request) -> Response:
        return self._listing(request, self._mailbox.newest_first())

    async def search(self, request: Request) -> Response:
        return self._listing(request, self._mailbox.search(request.query_params.get("query", "")))

    async def message(self, request: Request) -> Response:
        return JSONResponse(self._opened(request).full())

    async def headers(self, request: Request) -> Response:
        return JSONResponse(self._found(request).headers())

    async def raw(self, request: Request) -> Response:
        return Response(self._found(request).raw, media_type="text/plain", headers=HEADERS)

    async def delete(self, request: Request) -> Response:
        self._mailbox.delete(_ids(await request.body()))
        return PlainTextResponse("ok")

    async def index(self, _: Request) -> Response:
        newest = [mail.summary() for mail in self._mailbox.newest_first()[:_LIST_ON_PAGE]]
        return HTMLResponse(list_page(newest, len(self._mailbox)), headers=HEADERS)

    async def view(self, request: Request) -> Response:
        mail = self._opened(request)
        return HTMLResponse(mail_page(mail.full(), mail.headers()), headers=HEADERS)

    async def html_part(self, request: Request) -> Response:
        return HTMLResponse(mail_document(self._found(request).full()["HTML"]), headers=MAIL_HEADERS)

    def _listing(self, request: Request, mails: list[Mail]) -> Response:
        start, limit = _number(request, "start", 0), _number(request, "limit", 50)
        page = [mail.summary() for mail in mails[start : start + limit]]
        counts = {"total": len(self._mailbox), "unread": self._mailbox.unread(), "messages_count": len(mails)}
        return JSONResponse({**counts, "count": len(page), "start": start, "tags": [], "messages": page})

    def _found(self, request: Request) -> Mail:
        mail = self._mailbox.get(request.path_params["id"])
        if mail is None:
            raise HTTPException(404, "message not found")
        return mail

    def _opened(self, request: Request) -> Mail:
        mail = self._found(request)
        mail.read = True
        return mail


def smtp_server(mailbox: Mailbox) -> SMTP:
    """The protocol of one SMTP conversation."""
    return SMTP(Keep(mailbox), hostname="jobwire.localhost", enable_SMTPUTF8=True, data_size_limit=_LARGEST_MAIL)


async def serve(smtp_port: int, http_port: int, host: str = "127.0.0.1", keep: int = 5_000) -> None:
    """Runs until SIGTERM or SIGINT; raises OSError if a port is taken."""
    mailbox = Mailbox(keep)
    server = await asyncio.get_running_loop().create_server(lambda: smtp_server(mailbox), host, smtp_port)
    # In a container it has whatever name its network gives it.
    api = MailApi(mailbox, _LOCAL_NAMES if host in _LOCAL_NAMES else ["*"])
    config = uvicorn.Config(api.app(), log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    # Bound here, since uvicorn answers a taken port with sys.exit in the middle of the event loop.
    with socket.create_server((host, http_port)) as http_socket:
        await uvicorn.Server(config).serve([http_socket])
    server.close()


def _number(request: Request, name: str, default: int) -> int:
    """A query parameter that is not a number counts as not given, as in Mailpit."""
    value = request.query_params.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else default


def _ids(body: bytes) -> list[str]:
    try:
        wanted = json.loads(body or b"{}")
        ids = wanted.get("IDs") or []
        return [str(each) for each in ids]
    except (ValueError, AttributeError, TypeError):
        raise HTTPException(400, 'the body is not of the form {"IDs": ["…"]}') from None


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--http-port", type=int, default=8025)
    parser.add_argument("--keep", type=int, default=5_000, help="how many mails are kept")
    options = parser.parse_args()
    asyncio.run(serve(options.smtp_port, options.http_port, options.host, options.keep))


if __name__ == "__main__":
    main()
