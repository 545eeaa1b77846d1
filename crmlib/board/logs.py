"""The server's log: what failed and where, but no cell source, exception text or token."""

from __future__ import annotations

import logging
from typing import Any

from crmlib.board.trouble import frames


class ValueFilter(logging.Filter):
    """Reduce a record with an exception to the exception's type and place.

    Voilà logs a failed cell with its whole source and traceback, and an exception's text may
    hold a customer's data.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite ``record``; every record passes."""
        error = record.msg if isinstance(record.msg, BaseException) else None
        if record.exc_info and isinstance(record.exc_info, tuple):
            error = record.exc_info[1] or error
        if error is not None:
            # An error in a notebook's cell carries the name of the kernel's own exception.
            kind = getattr(error, "ename", type(error).__name__)
            record.msg, record.args = f"{kind}\n{frames(error.__traceback__)}", ()
            record.exc_info = record.exc_text = None
        return True


def quieten(logger: logging.Logger) -> None:
    """Let every line of the server pass through the filter, whichever library writes it."""
    plain = logging.StreamHandler()
    plain.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers = [plain]
    logger.handlers = []
    logger.propagate = True
    # Warnings here are of no use to a user: untrusted notebooks, the pace of pings.
    for noisy in (logger, logging.getLogger("tornado.general")):
        noisy.setLevel(logging.ERROR)
    plain.addFilter(ValueFilter())


def log_request(handler: Any) -> None:
    """Log what was refused or failed. The query is left out: it may be the token."""
    status = handler.get_status()
    if status >= 400:
        request = handler.request
        logging.getLogger("crmlib.server").warning("%s %s %s", status, request.method, request.path)
