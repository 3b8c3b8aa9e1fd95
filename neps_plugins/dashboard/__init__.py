"""Runs as a page that follows them, for a browser: `neps dashboard ROOT...`.

- `server.py` listens and opens the browser;
- `app.py` says what is at which address;
- `guard.py` refuses what comes from elsewhere;
- `followed.py` follows a run, also through its folder's vanishing;
- `changes.py` is what the buttons do.
"""

from neps_plugins.dashboard.server import serve

__all__ = ["serve"]
