"""Exposure: what a server would show, and to whom, in lines for who starts it."""

from dtviz.app import checked
from dtviz.server.door import ROUTES, SIGN_IN_ROUTES, rates
from dtviz.server.messages import MOST_BYTES, MOST_HELD
from dtviz.server.settings import Settings
from dtviz.server.sign_in import BY_ADDRESS, FOR_NAME
from dtviz.sources import choices


def exposure(source: str, settings: Settings) -> list[str]:
    """Return what a server of a source would show, and to whom.

    Args:
        source: as for `dtviz.app.App`.
        settings: of the server.

    Raises:
        DtvizError: if the source holds no model.
    """
    unopened = checked(source)
    has_sign_in = settings.auth is not None
    routes = ROUTES + SIGN_IN_ROUTES if has_sign_in else ROUTES
    if settings.is_by_provider:
        who = f"who signs in with {settings.auth}"
    else:
        who = f"who has a password in {settings.auth}" if has_sign_in else "who reaches the address"
    each, of_all = rates(settings.max_sessions)
    lines = [
        f"listens at: {settings.address or 'all addresses'}, port {settings.port or 'any'}",
        f"open to: {who}",
        *(f"model: {label}" for label in choices(source)),
        *([f"not open: {unopened}"] if unopened else []),
        *(f"host: {host}" for host in sorted(settings.hosts(settings.port))),
    ]
    for route in routes:
        signed_out = f"; signed out: {route.signed_out}" if has_sign_in else ""
        lines.append(f"route: {' '.join(route.methods)} {route.path}: {route.what}{signed_out}")
    lines += [
        "route: none besides",
        f"limit: {settings.max_sessions:,} pages open at once",
        f"limit: {each.most} pages asked for at once by one visitor, then one each {each.each:g} s",
        f"limit: {of_all.most} pages asked for at once by all, then one each {of_all.each:g} s",
        f"limit: {settings.max_upload:,} MB a file opened from a page",
        f"limit: {MOST_BYTES // 1_000_000} MB a message of a page",
        f"limit: {MOST_HELD // 1_000_000} MB of messages held for a page",
    ]
    if has_sign_in and not settings.is_by_provider:
        for what, (most, seconds) in (("address", BY_ADDRESS), ("name", FOR_NAME)):
            allowed = f"{most} wrong passwords for one {what}, then one each {seconds:g} s"
            lines.append(f"limit: {allowed}")
    return lines
