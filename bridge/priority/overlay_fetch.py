"""Asking the sources of a policy: with their credentials, and again only for what has changed since.

What a source said last is kept in a private directory, because it is filtered anew whenever the policy changes or
another source does. It is never published: it holds what the policy leaves out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from bridge.channel.files import replace_file
from bridge.channel.location import file_path
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.redaction import redact
from bridge.formats.conda.transport import Absent, Address, Refused, Unchanged, request
from bridge.priority.credentials import authorization
from bridge.priority.overlay_report import Finding
from bridge.priority.policy import Ecosystem, Source

_ETAG: Final = re.compile(r'(?:W/)?"[!#-~]{0,200}"')
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Question:
    """One request."""

    address: str
    #: the largest body that is accepted, in bytes.
    limit: int
    #: value of `Accept`; empty for anything.
    accept: str = ""
    #: of the body that is known already.
    etag: str = ""
    authorization: str | None = field(default=None, repr=False)
    #: whether a redirect may lead to another host, as what is found there is held against a hash.
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source said."""

    #: that links in the body are relative to, without credentials.
    address: str
    body: bytes
    #: the media type, in lowercase and without parameters; empty where it is not stated.
    media: str = ""
    etag: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


#: raises `Absent`, `Unchanged`, or another InvalidInput where the source cannot be asked.
Fetch = Callable[[Question], Answer]


def fetch(question: Question) -> Answer:
    """Ask a server, or read a file.

    Raises:
        InvalidInput: CB119, no answer; `Absent` and `Unchanged`; CB109, more than the limit.
    """
    path = file_path(question.address)
    if path is not None:
        return _read(path, question)
    fields = {"Accept": question.accept} if question.accept else {}
    if question.etag:
        fields["If-None-Match"] = question.etag
    address = Address(question.address, urlsplit(question.address).path.rstrip("/").rpartition("/")[2])
    with request(address, fields=fields, authorization=question.authorization) as response:
        if not question.elsewhere and origin(response.url) != origin(question.address):
            # Links of the page would lead to that host; its name may repeat the credentials that were sent.
            raise InvalidInput(Code.SOURCE, "redirects to another host", subject=redact(question.address))
        media = (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        etag = response.headers.get("ETag") or ""
        body = b"".join(response.blocks(question.limit))
    return Answer(redact(response.url), body, media, etag if _ETAG.fullmatch(etag) else "")


@dataclass(slots=True)
class Origins:
    """The sources, each asked at most once for each address.

    Args:
        cache: a private directory for what they said; None to keep nothing.
        offline: use only what they said last.
        stale: where a source does not answer, take what it said last.
        ask: how to ask.
        environment: variables that credentials are looked up in; None for those of this process.
    """

    cache: Path | None = None
    offline: bool = False
    stale: bool = False
    ask: Fetch = fetch
    environment: Mapping[str, str] | None = None
    #: sources that did not answer, so that what they said last was taken.
    findings: set[Finding] = field(default_factory=set)
    #: source and address -> sha256 of the answer; None where there is no such file.
    answers: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _headers: dict[str, str | None] = field(default_factory=dict, repr=False)

    def get(
        self,
        source: Source,
        ecosystem: Ecosystem,
        address: str,
        *,
        limit: int,
        accept: str = "",
        elsewhere: bool = False,
    ) -> Answer | None:
        """What a source says at an address; None where it says that there is nothing.

        Args:
            source: whom to ask.
            ecosystem: in which of its faces.
            address: of the source, or one that it names.
            limit: bytes.
            accept: value of that header; empty for anything.
            elsewhere: whether it may come from another host, as the caller checks its hash.

        Raises:
            InvalidInput: CB460, it does not answer, `Refused` or `Denied` where it answers with an error; CB109, more
                than `limit` bytes.
        """
        known = _load(self._place(source, address))
        try:
            answer = self._asked(source, ecosystem, Question(address, limit, accept, elsewhere=elsewhere), known)
        except Unchanged:
            answer = known.answer if known is not None else None
        except InvalidInput as error:
            if error.code is Code.LIMIT:
                raise
            if known is None or not (self.stale or self.offline):
                kind = type(error) if isinstance(error, Refused) else InvalidInput
                raise kind(Code.OVERLAY_SOURCE, error.message, subject=str(source.name)) from None
            if not self.offline:
                message = f"what it said last is used: {error.message}"
                self.findings.add(Finding(Code.OVERLAY_SOURCE, source.name, redact(address), message))
            answer = known.answer
        else:
            self._keep(source, address, answer)
        self.answers[source.name, redact(address)] = None if answer is None else answer.sha256
        return answer

    def _asked(self, source: Source, ecosystem: Ecosystem, question: Question, known: _Kept | None) -> Answer | None:
        if self.offline:
            message = "was never asked, and may not be asked now"
            raise InvalidInput(Code.SOURCE, message, subject=redact(question.address))
        etag = known.answer.etag if known is not None and known.answer is not None else ""
        header = self._header(source, ecosystem, question.address)
        try:
            return self.ask(replace(question, etag=etag, authorization=header))
        except Absent:
            return None

    def _header(self, source: Source, ecosystem: Ecosystem, address: str) -> str | None:
        """Only the host of the source itself gets its credentials."""
        base = source.url(ecosystem)
        if source.credentials is None or base is None or origin(base) != origin(address) or base.startswith("file:"):
            return None
        key = f"{source.name} {ecosystem.value}"
        if key not in self._headers:
            self._headers[key] = authorization(
                source.credentials, base, subject=str(source.name), environment=self.environment
            )
        return self._headers[key]

    def _place(self, source: Source, address: str) -> Path | None:
        """Answers of two sources never stand for each other, whatever their addresses."""
        if self.cache is None:
            return None
        return self.cache / hashlib.sha256(f"{source.name} {address}".encode()).hexdigest()

    def _keep(self, source: Source, address: str, answer: Answer | None) -> None:
        place = self._place(source, address)
        if place is None or address.startswith("file:"):
            return
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        document: dict[str, str] = {}
        if answer is not None:
            replace_file(place.with_suffix(".body"), answer.body)
            document = {
                "address": answer.address, "media": answer.media, "etag": answer.etag, "sha256": answer.sha256
            }  # fmt: skip
        replace_file(place.with_suffix(".json"), json.dumps(document, sort_keys=True).encode())


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a source said last; None is that there is nothing."""

    answer: Answer | None


def _load(place: Path | None) -> _Kept | None:
    """What is damaged was never said."""
    if place is None:
        return None
    try:
        document = json.loads(place.with_suffix(".json").read_bytes())
        if not document:
            return _Kept(None)
        body = place.with_suffix(".body").read_bytes()
        answer = Answer(document["address"], body, document["media"], document["etag"])
        return _Kept(answer) if answer.sha256 == document["sha256"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read(path: Path, question: Question) -> Answer:
    try:
        if path.stat().st_size > question.limit:
            raise InvalidInput(Code.LIMIT, f"more than {question.limit} bytes", subject=str(path))
        return Answer(question.address, path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        if not _has_root(path):
            raise InvalidInput(Code.SOURCE, "the directory is not there", subject=str(path)) from None
        raise Absent(Code.SOURCE, "no such file", subject=str(path)) from None
    except OSError as error:
        raise InvalidInput(Code.SOURCE, f"cannot be read: {error.strerror}", subject=str(path)) from error


def _has_root(path: Path) -> bool:
    """Whether the directory of the source is there: a file lies one or two levels below it."""
    return path.parent.is_dir() or path.parent.parent.is_dir()


def origin(address: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address."""
    parts: SplitResult = urlsplit(address)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)
