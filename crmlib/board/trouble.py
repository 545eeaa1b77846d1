"""Errors on a board: the reader gets a number, the log gets the place, nobody gets a value."""

from __future__ import annotations

import logging
import secrets
import sys
import traceback
from types import TracebackType

LOGGER = logging.getLogger("crmlib.board")


def frames(trace: TracebackType | None) -> str:
    """List where an error passed, without the source lines and the message."""
    return "\n".join(
        f"  {frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(trace)
    )


def log_incident(error: BaseException) -> str:
    """Log an error by its type and place, and return the number that the reader is given.

    An exception's message may hold a customer's data, so it goes nowhere.
    """
    if not LOGGER.handlers:
        # A kernel's own stderr is sent to the browser; the true one is the server's log.
        LOGGER.addHandler(logging.StreamHandler(sys.__stderr__ or sys.stderr))
    number = secrets.token_hex(4)
    LOGGER.error("%s %s\n%s", number, type(error).__name__, frames(error.__traceback__))
    return number
