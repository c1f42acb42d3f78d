"""What the answer to a connectivity check gives away: nothing in the way, or a captive portal (RFC 8952)."""

from __future__ import annotations

from urllib.parse import urlsplit

from probes.web_check import followed, redirects
from probes.web_facts import CaptivePortal, RedirectProblem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from probes.web_check import Place


# As much of the body as it takes to know the texts below.
CAPTIVE_BODY_OCTETS: Final = 512
_NO_CONTENT: Final = 204
_OK: Final = 200
# RFC 6585 section 6.
_AUTHENTICATION_REQUIRED: Final = 511

# The well-known checks that answer 200 with a text: how their path ends, and the text.
_TEXTS: Final = {
    "/hotspot-detect.html": b"Success",
    "/success.txt": b"success",
    "/connecttest.txt": b"Microsoft Connect Test",
    "/ncsi.txt": b"Microsoft NCSI",
    "/check_network_status.txt": b"NetworkManager is online",
    "/nm-check.txt": b"NetworkManager is online",
}


def judged(
    place: Place, status: int, headers: Mapping[str, str], body: bytes, duration_us: int | None
) -> CaptivePortal:
    """Return what an answer to the check of a place says.

    A page that came with 200 in place of the answer is a portal's; an error is not: the check's own server may be ill.

    Args:
        place: What was asked for.
        status: The answer's status.
        headers: Its headers, names in lower case.
        body: The beginning of its body.
        duration_us: How long it took.
    """
    detected, portal, evidence = _verdict(place, status, headers, body)
    return CaptivePortal(
        url=place.url, detected=detected, status=status, portal=portal, evidence=evidence, duration_us=duration_us
    )


def _verdict(place: Place, status: int, headers: Mapping[str, str], body: bytes) -> tuple[bool | None, str | None, str]:
    text = _TEXTS.get(f"/{urlsplit(place.url).path.rpartition('/')[2]}")
    if status == _NO_CONTENT or (status == _OK and text is not None and text in body):
        return False, None, "the check was answered as it should be"
    if status == _AUTHENTICATION_REQUIRED:
        return True, None, "the network itself answered that it wants a sign-in (status 511)"
    location = headers.get("location")
    if redirects(status) and location is not None:
        return _led_elsewhere(place, location)
    if status == _OK and (text is not None or "html" in headers.get("content-type", "").lower()):
        return True, None, "a page came in place of the answer"
    return None, None, f"the check was answered with status {status}, which says nothing of a portal"


def _led_elsewhere(place: Place, location: str) -> tuple[bool | None, str | None, str]:
    """Return the verdict of a redirect; that of a site which moves all its visitors to HTTPS is no portal's."""
    there = followed(place, location)
    if isinstance(there, RedirectProblem):
        return True, None, "the check was redirected to something that is no web address"
    if there.host == place.host and there.tls and not place.tls:
        return None, None, "the check's own server moves to https, which says nothing of a portal"
    return True, there.url, f"the check was redirected to {there.host}"
