"""Headers: what a browser must not do with what the server answers."""

import secrets

from tornado.httputil import HTTPHeaders
from tornado.web import OutputTransform

from dtviz.views.page import NONCE

# The scripts that run are those of the page's template, and the modules that these import: no
# other element, attribute or address. 'unsafe-eval' remains, as Bokeh compiles all scripts of
# its models (CustomJS) in the browser; 'unsafe-inline' for styles, as Bokeh and MUI set them by
# elements and attributes. The only worker is that of the search.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; "
    f"script-src 'nonce-{NONCE}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
}


class Guarded(OutputTransform):
    """Adds to each answer what the browser must not do with it; each has a nonce of its own."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add the headers."""
        nonce = secrets.token_urlsafe(24)
        headers.update({name: value.replace(NONCE, nonce) for name, value in HEADERS.items()})
        if headers.get("Content-Type", "").startswith("text/html"):
            chunk = chunk.replace(NONCE.encode(), nonce.encode())
        return status_code, headers, chunk
