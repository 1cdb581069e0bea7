"""uv's reports of failure, cut to their cause and said in the words of a step's declaration."""

from __future__ import annotations

import re

from fpack.errors import FpackError, NetworkError, SolveError
from fpack.packager.request import EnvironmentRequest
from fpack.packager.requirements import project_name
from fpack.packager.stubs import Provided

_SECRETS = re.compile(r"(?<=://)[^/\s@]+@")
_ABI_TAG = re.compile(r"`cp(\d)(\d+)[a-z]*`")
_UNWANTED_LINE = re.compile(r"^(error: )?No solution found when resolving dependencies:?$")
_CONCLUSION = re.compile(r",? we can conclude that your requirements are unsatisfiable\.?")


def explain_failed_solve(
    stderr: str, request: EnvironmentRequest, provided: Provided | None = None, *, offline: bool
) -> FpackError:
    """The error to raise for uv's `stderr`: `NetworkError` where asking again may help, else `SolveError`.

    `provided` is what conda gave, and what the solve had to go around.
    """
    target = f"Python {request.python} on {request.platform}"
    cause, hints = _split(stderr)
    unreachable = explain_network_failure(stderr, doing=f"locking for {target}", offline=offline)
    if unreachable:
        return unreachable
    conflict = _conflict_with_conda(cause, provided) if provided else None
    if conflict:
        return conflict
    name, version = _culprit(cause, request)
    package = f"{name} {version}".strip()
    if re.search(r"has no wheels with a matching (Python|platform|ABI)", cause):
        return SolveError(
            f"{package} has no wheel for {target}",
            why=_wheels_there(hints) or cause,
            hint=f"declare another version of {name}, or another python=",
        )
    if "has no usable wheels" in cause or "building from source is disabled" in hints:
        return SolveError(
            f"{package} has no wheel for {target}",
            why=f"{cause}\nfpack installs wheels only: source packages would be built on every machine anew",
            hint=f"declare a version of {name} that has wheels for it, or another python=",
        )
    if f"{name} was not found in the package registry" in cause:
        return SolveError(
            f"there is no package named {name}",
            why=cause,
            hint="check its spelling, and that pip or uv is configured for the index that has it",
        )
    if f"there is no version of {name}" in cause:
        return SolveError(
            f"there is no {name}{version and ' ' + version} in the package index",
            why="\n".join(part for part in (cause, hints) if part),
            hint=f"declare a version of {name} that exists",
        )
    return SolveError(
        f"no set of packages satisfies the declaration, for {target}",
        why=cause or stderr.strip(),
        hint="loosen one of the versions named above",
    )


def _conflict_with_conda(cause: str, provided: Provided) -> SolveError | None:
    """The error where uv found that the version of conda's is the only one there is, and will not do."""
    found: list[str] = []

    def say(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in provided.versions:
            return match.group(0)
        found.append(name)
        return f"{name} {provided.versions[name]} comes from @conda in step `{provided.step}`"

    told = re.sub(r"only ([a-z0-9-]+)(?:[<>=!~]\S*)? is available", say, cause)
    if not found:
        return None
    name = found[0]
    return SolveError(
        f"{name} {provided.versions[name]} comes from @conda in step `{provided.step}`, "
        f"and what @pypi asks for does not go with it",
        why=told,
        hint=f"ask in @conda for a version of {name} that suits both, or loosen what @pypi asks for",
    )


def explain_network_failure(stderr: str, *, doing: str, offline: bool) -> NetworkError | None:
    """The `NetworkError` that uv's `stderr` tells of, or None where the network is not to blame."""
    text = _SECRETS.sub("", stderr)
    if offline or "network was disabled" in text or "Network connectivity is disabled" in text:
        absent = re.findall(r"([\w.-]+) was not found in the cache", text)
        absent += re.findall(r"`([\w.-]+(?:==[^`]+)?)`", text) if not absent else []
        if absent or "disabled" in text:
            return NetworkError(
                f"offline, and not in uv's cache: {', '.join(dict.fromkeys(absent)) or 'a package'}",
                why=f"{doing} needs it",
                hint="run once with the network (unset FPACK_OFFLINE)",
            )
    url = re.search(r"(?:Failed to fetch:|An index URL \()\s*`?([^\s`)]+)", text)
    place = url.group(1) if url else "the package index"
    denied = re.search(r"\(?(401 Unauthorized|403 Forbidden)\)?", text)
    if denied:
        return NetworkError(
            f"{place} refused access: {denied.group(1)}",
            why=f"while {doing}",
            hint="give credentials in pip's or uv's configuration, in ~/.netrc, or in the index's URL",
        )
    if re.search(r"invalid peer certificate|certificate verify failed|UnknownIssuer", text):
        return NetworkError(
            f"the certificate of {place} is not trusted",
            why=_last_cause(text),
            hint="set SSL_CERT_FILE to your company's certificates, or UV_SYSTEM_CERTS=1 to use the system's",
        )
    if "Failed to fetch" in text or "Request failed after" in text or "error sending request" in text:
        return NetworkError(
            f"cannot reach {place}",
            why=_last_cause(text),
            hint="check the network and the proxy; with FPACK_OFFLINE=1 fpack uses what is cached",
        )
    return None


def _split(stderr: str) -> tuple[str, str]:
    """Uv's cause without its scaffolding, and its hints."""
    body, _, hints = _SECRETS.sub("", stderr).partition("\nhint:")
    lines = [line.strip() for line in body.splitlines()]
    kept = [
        re.sub(r"^(error|cause): ", "", line) for line in lines if line and not _UNWANTED_LINE.match(line)
    ]
    text = _CONCLUSION.sub(", which cannot be", "\n".join(kept))
    return text.replace("you require", "the step requires"), hints.strip()


def _last_cause(text: str) -> str:
    causes = re.findall(r"(?:cause|Caused by): (.+)", text)
    return causes[-1] if causes else text.strip()


def _culprit(cause: str, request: EnvironmentRequest) -> tuple[str, str]:
    """The package that uv's cause opens with, and its version; a declared one where several are named."""
    opening = re.search(
        r"[Bb]ecause (?:there is no version of )?([a-z0-9][a-z0-9.-]*)(?:\[[^\]]*\])?(==\S+)?", cause
    )
    if opening:
        return opening.group(1).rstrip("."), (opening.group(2) or "").removeprefix("==")
    declared = [project_name(requirement) for requirement in request.pypi]
    named = [name for name in declared if re.search(rf"\b{re.escape(name)}\b", cause)]
    return (named or declared)[0], ""


def _wheels_there(hints: str) -> str:
    """Which wheels do exist, from uv's hint: "it has wheels for Python 3.7, 3.8", or for some platforms."""
    pythons = _ABI_TAG.findall(hints.partition("following Python ABI tag")[2])
    if pythons:
        versions = sorted({(int(major), int(minor)) for major, minor in pythons})
        return "it has wheels for Python " + ", ".join(f"{major}.{minor}" for major, minor in versions)
    platforms = re.findall(r"`([^`]+)`", hints.partition("following platform")[2])
    return f"it has wheels for {', '.join(platforms)}" if platforms else ""
