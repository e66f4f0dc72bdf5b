"""Asking a model live, at any OpenAI-compatible endpoint; each answer is kept the moment it comes.

No call is made twice. Before a call its key is noted and flushed, after it the answer; a run that
was killed goes on where it was, and what was under way then is an error until somebody says ask
again; a call that failed is made again by the next run.
The key to the endpoint stands in the environment alone.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from opsbook import answers as outputs
from opsbook.errors import LockedError, UsageError
from opsbook.regression.cases import Answer

AGAIN = frozenset({408, 409, 429})
"""Statuses after which the same call may succeed, beside all of 500 and above."""
CLOSED = frozenset({401, 403})
"""Statuses after which no call of the run can succeed."""
RETRIES, LONGEST_S, TIMEOUT_S = 5, 60.0, 120.0
TOKEN_CHARS, TYPICAL_OUTPUT = 4, 400
"""For the estimate alone: characters a token has, and tokens of an answer without a limit."""
SECRET = re.compile(r"\b(?:sk|key|pk|gsk|xai)-[\w*.-]{4,}|Bearer\s+\S+", re.I)
UNDER_WAY = "under way when the run was stopped; ask it again with --again"


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked: address, model, the key's variable, prices per million tokens."""

    base_url: str
    model: str
    key_env: str = "OPENAI_API_KEY"
    input_price: float | None = None
    output_price: float | None = None
    currency: str = "USD"

    def __post_init__(self) -> None:
        """Refuse an address that would send the key in the clear, or that holds one."""
        parts = urlsplit(self.base_url)
        if parts.username or parts.password or parts.query:
            raise UsageError("The endpoint's address holds a secret; put it into the environment.")
        if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname)):
            raise UsageError(
                f"{self.base_url} is no address to send a key to; expected https://..., or http "
                "for a server on this machine."
            )


def _loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Ask:
    """One call to make: a case, which repeat, what is sent, and the hashes an answer carries."""

    case: str
    repeat: int
    messages: tuple[Mapping[str, str], ...]
    parameters: Mapping[str, object] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    def key(self, endpoint: Endpoint) -> str:
        """What makes this call the one it is: all that is sent, to whom, and the repeat."""
        told = [list(map(dict, self.messages)), dict(self.parameters), endpoint.base_url]
        body = json.dumps([*told, endpoint.model, self.case, self.repeat], sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()


@dataclass(frozen=True)
class Estimate:
    """What a run will take: calls, tokens by the texts' length, cost or None, known answers."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    known: int


@dataclass
class Outcome:
    """What became of a run: answers that came, errors, what was spent, and why it stopped early."""

    answered: int = 0
    errors: int = 0
    spent: float = 0.0
    stopped: str = ""


def estimate(asks: Sequence[Ask], endpoint: Endpoint, path: Path) -> Estimate:
    """What a run will take, before it is confirmed."""
    known = {a.case: set() for a in asks}
    for answer in _kept(path):
        known.setdefault(answer.case, set()).add(answer.repeat)
    left = [a for a in asks if a.repeat not in known[a.case]]
    tokens = [_tokens(a) for a in left]
    cost = sum(_price(endpoint, i, o) or 0.0 for i, o in tokens) if _priced(endpoint) else None
    return Estimate(
        len(left), sum(i for i, _ in tokens), sum(o for _, o in tokens), cost, len(asks) - len(left)
    )


def _tokens(ask: Ask) -> tuple[int, int]:
    said = sum(len(m["content"]) for m in ask.messages)
    limit = ask.parameters.get("max_tokens") or ask.parameters.get("max_completion_tokens")
    return said // TOKEN_CHARS + 1, int(limit or TYPICAL_OUTPUT)


def _priced(endpoint: Endpoint) -> bool:
    return endpoint.input_price is not None and endpoint.output_price is not None


def _price(endpoint: Endpoint, read: int | None, written: int | None) -> float | None:
    if not _priced(endpoint) or read is None or written is None:
        return None
    return (read * endpoint.input_price + written * endpoint.output_price) / 1e6


def _kept(path: Path) -> list[Answer]:
    """The answers a run has so far; a line cut off by a kill is taken out."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    return [a for a in outputs.read(path) if a.error is None] if whole else []


class Ledger:
    """A run's two files: what was asked, and what came. Each line is on disk before it counts."""

    def __init__(self, path: Path) -> None:
        """Open the files beside each other; the folder is made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._answers, self._asked = path, path.with_name("asked.txt")
        self._lock = Lock()

    def asked(self) -> set[str]:
        """The keys of all calls that were begun."""
        there = self._asked.exists()
        return set(self._asked.read_text("ascii", "ignore").split()) if there else set()

    def begin(self, key: str) -> None:
        """Note a call before it is made."""
        self._append(self._asked, key)

    def keep(self, answer: Answer) -> None:
        """Keep what came."""
        self._append(self._answers, outputs.lines([answer]).rstrip("\n"))

    def _append(self, path: Path, line: str) -> None:
        with self._lock, path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


def run(
    asks: Sequence[Ask],
    endpoint: Endpoint,
    path: Path,
    *,
    cap: float | None = None,
    at_once: int = 3,
    again: bool = False,
    first_wait_s: float = 1.0,
    timeout_s: float = TIMEOUT_S,
    progress: Callable[[int, int, float], None] = lambda done, of, spent: None,
) -> Outcome:
    """Ask what has no answer yet, a few at a time, and keep each answer in `path` as it comes.

    `cap` is in the endpoint's currency. UsageError without a key, and for a cap where prices are
    not known; LockedError while another run holds the file.
    """
    if cap is not None and not _priced(endpoint):
        raise UsageError("A spend cap needs prices: --input-price and --output-price per million.")
    client = _client(endpoint, timeout_s)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{path}.lock", timeout=0):
            left, told = _left(asks, endpoint, path, again)
            work = _Work(
                client, endpoint, Ledger(path), cap, first_wait_s, len(left), progress, told
            )
            with ThreadPoolExecutor(max_workers=at_once) as pool:
                list(pool.map(work.ask, left))
            return work.told
    except Timeout:
        raise LockedError(f"{path} is held by another run; wait for it, or end it.") from None


def _client(endpoint: Endpoint, timeout_s: float) -> object:
    try:
        import openai
    except ImportError:
        raise UsageError(
            'A live run needs the openai client: pip install "opsbook[live]".'
        ) from None
    key = os.environ.get(endpoint.key_env, "")
    if not key and not _loopback(urlsplit(endpoint.base_url).hostname):
        raise UsageError(
            f"The variable {endpoint.key_env} is not set; it holds the endpoint's key."
        )
    return openai.OpenAI(
        base_url=endpoint.base_url, api_key=key or "none", max_retries=0, timeout=timeout_s
    )


def _left(
    asks: Sequence[Ask], endpoint: Endpoint, path: Path, again: bool
) -> tuple[list[Ask], Outcome]:
    """The calls to make. What was under way when a run was killed is noted as an error, once."""
    answered = {(a.case, a.repeat) for a in _kept(path)}
    failed = {(a.case, a.repeat): a.error for a in outputs.read(path)} if _filled(path) else {}
    ledger, left, outcome = Ledger(path), [], Outcome()
    begun = ledger.asked()
    for ask in asks:
        place = (ask.case, ask.repeat)
        if place in answered:
            continue
        tried = failed.get(place, UNDER_WAY) != UNDER_WAY
        if again or tried or ask.key(endpoint) not in begun:
            left.append(ask)
            continue
        outcome.errors += 1
        if place not in failed:
            ledger.keep(_blank(ask, endpoint, UNDER_WAY))
    return left, outcome


def _filled(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


@dataclass
class _Work:
    """What the workers of one run share."""

    client: object
    endpoint: Endpoint
    ledger: Ledger
    cap: float | None
    first_wait_s: float
    total: int
    progress: Callable[[int, int, float], None]
    told: Outcome
    reserved: float = 0.0
    done: int = 0
    lock: Lock = field(default_factory=Lock)

    def ask(self, ask: Ask) -> None:
        """Make one call, unless the run has stopped, and keep what came."""
        held = self._reserve(ask)
        if held is None:
            return
        self.ledger.begin(ask.key(self.endpoint))
        answer = self._answer(ask)
        self.ledger.keep(answer)
        with self.lock:
            self.reserved -= held
            self.told.spent += answer.cost or 0.0
            self.told.answered += answer.error is None
            self.told.errors += answer.error is not None
            self.done += 1
            self.progress(self.done, self.total, self.told.spent)

    def _reserve(self, ask: Ask) -> float | None:
        cost = _price(self.endpoint, *_tokens(ask)) or 0.0
        with self.lock:
            over = self.cap is not None and self.told.spent + self.reserved + cost > self.cap
            if over and not self.told.stopped:
                self.told.stopped = f"the next call could pass the cap of {self.cap:g}"
            if self.told.stopped:
                return None
            self.reserved += cost
            return cost

    def _answer(self, ask: Ask) -> Answer:
        import openai

        for turn in range(RETRIES + 1):
            began = time.perf_counter()
            try:
                return self._made(ask, began)
            except openai.APIStatusError as error:
                status, said = error.status_code, _clean(str(error))
                if status in CLOSED:
                    self._stop(f"{status}: the key in {self.endpoint.key_env} is not accepted")
                if not (status in AGAIN or status >= 500) or turn == RETRIES:
                    return _blank(ask, self.endpoint, f"{status}: {said}")
                time.sleep(_wait(error.response.headers, self.first_wait_s * 2**turn))
            except (openai.APIError, ValueError, AttributeError, IndexError) as error:
                if turn == RETRIES:
                    said = f"{type(error).__name__}: {_clean(str(error))}"
                    return _blank(ask, self.endpoint, said)
                time.sleep(self.first_wait_s * 2**turn)
        raise AssertionError

    def _stop(self, why: str) -> None:
        with self.lock:
            self.told.stopped = self.told.stopped or why

    def _made(self, ask: Ask, began: float) -> Answer:
        made = self.client.chat.completions.create(
            model=self.endpoint.model, messages=list(map(dict, ask.messages)),
            extra_headers={"Idempotency-Key": ask.key(self.endpoint)}, **ask.parameters,
        )  # fmt: skip
        choice, usage = made.choices[0], made.usage
        read, written = (usage.prompt_tokens, usage.completion_tokens) if usage else (None, None)
        cost = _price(self.endpoint, read, written)
        told = asdict(_blank(ask, self.endpoint, None)) | {
            "text": choice.message.content or "",
            "finish_reason": choice.finish_reason,
            "refusal": getattr(choice.message, "refusal", None),
            "returned_model": made.model,
            "system_fingerprint": made.system_fingerprint,
            "input_tokens": read,
            "output_tokens": written,
            "latency_ms": round((time.perf_counter() - began) * 1000, 1),
            "cost": cost,
            "currency": self.endpoint.currency if cost is not None else None,
        }
        return Answer(**told)


def _blank(ask: Ask, endpoint: Endpoint, error: str | None) -> Answer:
    """An answer that holds only what was asked, and the error if there is one."""
    return Answer(
        ask.case, ask.repeat, error=error, asked_model=endpoint.model, endpoint=endpoint.base_url,
        parameters=json.dumps(dict(ask.parameters), sort_keys=True),
        client=f"openai {version('openai')}", at=datetime.now(UTC).isoformat(timespec="seconds"),
        **ask.hashes,
    )  # fmt: skip


def _clean(text: str) -> str:
    return SECRET.sub("…", text)[:300]


def _wait(headers: Mapping[str, str], otherwise: float) -> float:
    """Seconds until the next try, at most a minute: as the endpoint says, as a number or date."""
    said = headers.get("retry-after", "")
    try:
        return min(max(float(said), 0.0), LONGEST_S)
    except ValueError:
        pass
    try:
        left = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
        return min(max(left, 0.0), LONGEST_S)
    except (TypeError, ValueError):
        return min(otherwise, LONGEST_S)


def repeated(asks: Iterable[Ask], repeats: range) -> list[Ask]:
    """Each call as many times as there are repeats, the cases in turn."""
    asks = list(asks)
    return [Ask(a.case, r, a.messages, a.parameters, a.hashes) for r in repeats for a in asks]
