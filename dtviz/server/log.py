"""The log: what pages and requests sent, where Bokeh and Tornado log it."""

import logging

from dtviz.errors import printable, shortened

# Characters of each part of what Bokeh logs of a message: a page could fill the log.
_MOST_LOGGED = 1_000


def bound() -> None:
    """Let nothing that was sent fill the log, or begin a line of it."""
    logging.getLogger("bokeh.server.protocol_handler").addFilter(_shorten)
    # Of requests: their paths are as they were sent.
    logging.getLogger("tornado.access").addFilter(_escape)


def _shorten(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(shortened(repr(one), _MOST_LOGGED) for one in record.args)
    return True


def _escape(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(printable(one) if isinstance(one, str) else one for one in record.args)
    return True
