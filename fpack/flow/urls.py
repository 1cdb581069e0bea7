"""URLs as a lock file, a run record or a message may hold them: without what only their owner should know."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SECRET_PARAMETER = re.compile(
    r"token|secret|password|passwd|signature|credential|api[-_]?key|access[-_]?key|auth|^sig$|^x-(amz|goog|ms)-",
    re.IGNORECASE,
)

_TOKEN_FOLDER = re.compile(r"^/t/[^/]+(?=/)")


def without_credentials(url: str) -> str:
    """`url` without user, password, `/t/<token>/` folder, signing parameters and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    path = _TOKEN_FOLDER.sub("", parts.path) if host else parts.path
    query = parts.query
    if query:
        pairs = parse_qsl(query, keep_blank_values=True)
        query = urlencode([(key, value) for key, value in pairs if not _SECRET_PARAMETER.search(key)])
    return urlunsplit((parts.scheme, host, path, query, ""))
