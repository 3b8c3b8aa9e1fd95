"""What is at which address."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import mimetypes
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from operator import methodcaller
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from neps_core import NePSError, nearest
from neps_plugins import page
from neps_plugins.analysis import Analysis, compare
from neps_plugins.dashboard.changes import ACTIONS
from neps_plugins.dashboard.followed import Followed, RunAway, as_json
from neps_plugins.dashboard.guard import Guard
from neps_plugins.report import labels

#: Rows of the table that are made at a time for CSV.
ROWS = 1000

#: Bytes of a file that are sent at a time.
BLOCK = 1 << 16

#: Bytes of the largest change that is read.
LARGEST = 1 << 20

#: What a file of a trial may be given as.
HARMLESS = ("text/csv", "image/png", "image/jpeg", "application/pdf")


def create_app(
    roots: Sequence[str | Path],
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    allow_changes: bool = False,
    storage: str | None = None,
) -> Starlette:
    """The application.

    Args:
        roots: The folders of the runs, or the URLs of what they are kept in.
        host: Where the server listens: how it may be called.
        port: The same.
        token: What one has to know to look at it; None for nothing.
        allow_changes: Whether the runs may be changed.
        storage: What the runs are kept in, if not in those folders.
    """
    csrf = secrets.token_urlsafe(24)
    runs = [Followed(root, label, storage) for root, label in zip(roots, labels(roots))]
    addresses = _Addresses(runs, csrf, allow_changes)
    return Starlette(
        routes=[
            Route("/", _page),
            Route("/static/{version}/{name:path}", _static),
            Route("/api/runs", addresses.runs),
            Route("/api/compare", addresses.compare),
            Route("/api/runs/{run:int}/table.csv", addresses.table),
            Route("/api/runs/{run:int}/trials/{trial}/files/{name:path}", addresses.file),
            Route("/api/runs/{run:int}/changes/{action}", addresses.change, methods=["POST"]),
            Route("/api/runs/{run:int}/{view}", addresses.view),
        ],
        middleware=[
            Middleware(Guard, host=host, port=port, token=token, csrf=csrf),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5),
        ],
    )


def _page(request: Request) -> Response:
    return HTMLResponse(page.linked(), headers={"Cache-Control": "no-store"})


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in page.loaded():
        return _error(404, f"the page has no file {name!r}.")
    # The address changes with the files.
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    kind = "text/css" if name == page.STYLE else "text/javascript"
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return Response(page.loaded()[name], media_type=kind, headers=headers)
    return Response(_compressed(name), media_type=kind, headers={**headers, "Content-Encoding": "gzip"})


@lru_cache
def _compressed(name: str) -> bytes:
    """A file of the page, which is compressed once for all."""
    return gzip.compress(page.loaded()[name].encode())


def _told(endpoint: Callable[..., Response]) -> Callable[..., Response]:
    """Say what went wrong in words."""

    def careful(addresses: _Addresses, request: Request) -> Response:
        try:
            return endpoint(addresses, request)
        except RunAway as reason:
            return _error(503, str(reason))
        except LookupError as reason:
            return _error(404, str(reason.args[0] if reason.args else reason))
        except (NePSError, OSError) as reason:
            return _error(400, str(reason))

    return careful


class _Addresses:
    """What is below `/api/`. Starlette calls each in a thread of its own."""

    def __init__(self, runs: Sequence[Followed], csrf: str, allow_changes: bool) -> None:
        self._runs = runs
        self._csrf = csrf
        self._allow_changes = allow_changes

    def _run(self, request: Request) -> Followed:
        number: int = request.path_params["run"]
        if number >= len(self._runs):
            raise LookupError(f"there is no run {number}: they are numbered from 0 to {len(self._runs) - 1}.")
        return self._runs[number]

    @_told
    def runs(self, request: Request) -> Response:
        """All runs, in short: the page asks this again and again."""
        told = {"runs": [run.pulse() for run in self._runs], "changes": self._allow_changes, "csrf": self._csrf}
        return _answer(request, as_json(told))

    @_told
    def view(self, request: Request) -> Response:
        """A view of a run."""
        run, view, options = self._run(request), request.path_params["view"], _options(request)
        version = run.version()
        if version and _is_known(request, _tag(f"{version} {view} {options}")):
            return Response(status_code=304, headers={"ETag": _tag(f"{version} {view} {options}")})
        version, content = run.document(view, options)
        return _json(content, _tag(f"{version} {view} {options}"))

    @_told
    def compare(self, request: Request) -> Response:
        """Several runs beside each other: those that are there."""
        options = _options(request)
        if unknown := next((name for name in options if name not in ("axis", "objective", "groups")), None):
            return _error(
                400, f"the comparison has no option {unknown!r}. {nearest(unknown, ('axis', 'objective', 'groups'))}"
            )
        chosen = [run for run in self._runs if run.pulse()["problem"] is None]
        analyses: list[Analysis] = [run.use(lambda analysis: analysis) for run in chosen]
        document = compare(analyses, **options)
        return _answer(request, as_json(document))

    @_told
    def table(self, request: Request) -> Response:
        """All rows of the table that a filter lets through, as CSV."""
        run, options = self._run(request), _options(request)
        options = {name: value for name, value in options.items() if name not in ("page", "size")}
        first = run.use(lambda analysis: analysis.view("table", page=1, size=ROWS, **options))
        headers = {"Content-Disposition": 'attachment; filename="trials.csv"', "Cache-Control": "no-store"}
        return StreamingResponse(_csv(run, options, first), media_type="text/csv; charset=utf-8", headers=headers)

    @_told
    def file(self, request: Request) -> Response:
        """A file in a trial's folder."""
        trial_id, name = request.path_params["trial"], request.path_params["name"]
        run = self._run(request)

        def folder_of(analysis: Analysis) -> Path:
            trial = analysis.run.trial(trial_id)
            return analysis.run.root_directory / trial.metadata.location

        path = inside(run.use(folder_of), name)
        if path is None:
            raise LookupError(f"trial {trial_id} has no file {name!r}.")
        # Opened now, as it may vanish; and sent as far as it goes by then, as a log may grow meanwhile.
        content = path.open("rb")
        kind = mimetypes.guess_type(path.name)[0] or ""
        # Only as a file to keep: what an evaluation has written is never shown as a page of this server.
        safe = kind if kind in HARMLESS else "application/octet-stream"
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f"attachment; filename*=utf-8''{quote(path.name, safe='')}",
        }
        return StreamingResponse(_blocks(content), media_type=safe, headers=headers)

    async def change(self, request: Request) -> Response:
        """Change a run."""
        content = b""
        async for part in request.stream():
            content += part
            if len(content) > LARGEST:
                return _error(413, f"a change may have {LARGEST:,} bytes at most.")
        return await run_in_threadpool(self._change, request, content)

    def _change(self, request: Request, content: bytes) -> Response:
        action = request.path_params["action"]
        if not self._allow_changes:
            return _error(403, "The dashboard only looks. Start it with --allow-changes to change runs by it.")
        if action not in ACTIONS:
            return _error(404, f"there is no change {action!r}; there are {', '.join(ACTIONS)}.")
        try:
            given = json.loads(content)
            if not isinstance(given, dict):
                raise ValueError
        except (ValueError, RecursionError):
            return _error(400, "a change is given as a JSON object.")
        try:
            run = self._run(request)
            said = ACTIONS[action](run, given)
        except (NePSError, OSError, LookupError) as reason:
            return _error(400, str(reason))
        run.look_again()
        return JSONResponse({"said": said})


def inside(folder: Path, name: str) -> Path | None:
    """A file in a folder; None if there is none, or it is elsewhere, by `..` or by a link."""
    if not name or "\0" in name:
        return None
    real = os.path.realpath(folder)
    found = os.path.realpath(os.path.join(real, name))
    if os.path.commonpath([real, found]) != real or not Path(found).is_file():
        return None
    return Path(found)


def _blocks(content: BinaryIO) -> Iterator[bytes]:
    with content:
        yield from iter(partial(content.read, BLOCK), b"")


def _options(request: Request) -> dict[str, Any]:
    """What an address says: each value is JSON, or else a text."""
    return {name: _value(text) for name, text in request.query_params.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _csv(run: Followed, options: Mapping[str, Any], first: Mapping[str, Any]) -> Iterator[str]:
    keys = [column["key"] for column in first["columns"]]
    yield _line(keys)
    table = first
    for number in range(1, max(1, first["pages"]) + 1):
        if number > 1:
            table = run.use(methodcaller("view", "table", page=number, size=ROWS, **options))
        yield "".join(_line([cell(row, key) for key in keys]) for row in table["rows"])


def cell(row: Mapping[str, Any], key: str) -> Any:
    """What a row of the table has in a column."""
    if key in row:
        return row[key]
    outer, _, inner = key.partition(".")
    held = row.get(outer)
    if isinstance(held, list):  # objectives, by number
        return held[int(inner)] if int(inner) < len(held) else None
    return held.get(inner) if isinstance(held, Mapping) else None


def _line(values: Sequence[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([_plain(value) for value in values])
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"  # or else a spreadsheet calculates it
    return value


def _answer(request: Request, content: bytes) -> Response:
    """An answer, unless it is the one that the browser has."""
    tag = _tag(content)
    if _is_known(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return _json(content, tag)


def _json(content: bytes, tag: str) -> Response:
    return Response(content, media_type="application/json", headers={"ETag": tag, "Cache-Control": "private, no-cache"})


def _tag(content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    return f'W/"{hashlib.sha256(data).hexdigest()[:20]}"'


def _is_known(request: Request, tag: str) -> bool:
    return tag in request.headers.get("if-none-match", "")


def _error(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status_code=status)
