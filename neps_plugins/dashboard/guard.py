"""Who may ask: nobody whom a foreign page has sent, and elsewhere than on this computer only who knows the token.

A page from anywhere can have the browser ask a server on this computer. Three things refuse that:

- the header `Host` must name this server, so that a foreign name that is made to point here (DNS rebinding) is refused;
- `Origin` and `Sec-Fetch-Site`, which a browser sets and no page can forge, must not tell of another site;
- a change has to be a POST of this origin with a secret in a header that only the page itself can know.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neps_plugins.dashboard.loopback import is_loopback

#: What a browser may do with the page: load this server's files and nothing else.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

#: The header that carries the secret of a change.
CSRF = "X-NePS-CSRF"


class Guard:
    """Refuses requests with 403, and sets the headers that keep a browser careful.

    Args:
        app: What it guards.
        host: Where the server listens.
        port: The same; the cookie is named by it, as cookies don't tell ports apart.
        token: What one has to know; None for nothing.
        csrf: What a change has to bring.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, token: str | None, csrf: str) -> None:
        self._app = app
        self._hosts = _names(host)
        self._cookie = f"neps_{port}"
        self._token = token
        self._csrf = csrf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        problem = self._problem(scope)
        answer = self._app if problem is None else JSONResponse({"error": problem}, status_code=403)
        new_token = problem is None and self._token is not None and self._asked_with(scope) is not None

        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if new_token:
                    cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"
                    headers.append("Set-Cookie", cookie)
            await send(message)

        await answer(scope, receive, careful)

    def _problem(self, scope: Scope) -> str | None:
        """Why a request is refused; None if it is not."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._hosts is not None and _without_port(host) not in self._hosts:
            return f"This server is not called {host!r}."
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return "A page of another origin may not ask."
        # Someone may follow a link to the page itself; what it shows can't be read from the other site.
        is_visit = scope["method"] == "GET" and scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not is_visit:
            return "A page of another site may not ask."
        if self._token is not None and not self._knows_token(scope, headers):
            return "The token is missing or wrong. Open the address that neps dashboard has printed."
        if scope["method"] not in ("GET", "HEAD"):
            if origin is None:
                return "A change has to come from the dashboard's page."
            if not _same(headers.get(CSRF, ""), self._csrf):
                return "The page is older than this server. Load it again."
        return None

    def _knows_token(self, scope: Scope, headers: Headers) -> bool:
        assert self._token is not None
        given = self._asked_with(scope)
        if given is not None:
            return _same(given, self._token)
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and _same(cookie.value, self._token)

    @staticmethod
    def _asked_with(scope: Scope) -> str | None:
        """The token in the address; it counts for the page only, so that it gets into no other address."""
        if scope["path"] != "/":
            return None
        return next(iter(parse_qs(scope["query_string"].decode("latin-1")).get("token", ())), None)


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _names(host: str) -> Collection[str] | None:
    """What a server may be called; None for anything, where the token alone has to do."""
    if host in ("", "0.0.0.0", "::"):
        return None
    if is_loopback(host):
        return {"localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host}
    return {f"[{host}]" if ":" in host else host.lower()}


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()
