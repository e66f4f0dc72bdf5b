"""Live runs against a real HTTP server on this machine: retries, caps, kills, keys.

The server is our own, since each step has to come in its order, cut at a byte, and every call be
counted by its key. The test marked `llmock` asks llmock instead, which fails at random and judges
how a client behaves: OPSBOOK_LLMOCK=<its program> pytest -m llmock.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from opsbook import answers, live
from opsbook.errors import UsageError

KEY = "sk-test-1234567890abcdef"


class Endpoint(BaseHTTPRequestHandler):
    """An OpenAI-compatible endpoint that answers by its script, one step a request, then well."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append((self.headers["Idempotency-Key"], body, dict(self.headers)))
            step = self.server.script.pop(0) if self.server.script else "ok"
        time.sleep(self.server.delay)
        if isinstance(step, tuple):
            return self.told(step[0], {"error": {"message": f"no: {KEY}"}}, step[1])
        if step == "hang":
            time.sleep(1.5)
        if step == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"id": "x", "choi')
            return self.connection.close()
        message = {"role": "assistant", "content": self.server.said(body)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
        return self.told(200, {"id": "x", "object": "chat.completion", "created": 1, "usage": usage,
                               "model": "small-2026-11", "system_fingerprint": "fp_1",
                               "choices": [choice]})  # fmt: skip

    def told(self, status, document, headers=None):
        content = json.dumps(document).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        return None

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    """A server with a script of steps; `.asked` is what came."""
    monkeypatch.setenv("TEST_KEY", KEY)
    made = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    made.daemon_threads = True
    made.lock, made.script, made.asked, made.delay = threading.Lock(), [], [], 0.0
    made.said = lambda body: "ok"
    made.at = f"http://127.0.0.1:{made.server_port}/v1"
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def endpoint(server, **more):
    return live.Endpoint(server.at, "small", "TEST_KEY", **more)


def asks(count):
    return [live.Ask(str(i), 1, ({"role": "user", "content": f"q{i}"},)) for i in range(count)]


def run(server, path, count=1, **how):
    how = {"first_wait_s": 0.01, "at_once": 1} | how
    return live.run(asks(count), how.pop("to", None) or endpoint(server), path, **how)


def test_an_answer_is_kept_with_all_that_tells_one_run_from_another(server, tmp_path):
    priced = endpoint(server, input_price=2.0, output_price=8.0)
    told = run(server, tmp_path / "a.jsonl", to=priced)
    found = answers.read(tmp_path / "a.jsonl")[0]
    assert (told.answered, told.errors, round(told.spent, 6)) == (1, 0, 0.006)
    assert (found.text, found.returned_model, found.system_fingerprint, found.finish_reason) == (
        "ok", "small-2026-11", "fp_1", "stop")  # fmt: skip
    assert (found.input_tokens, found.output_tokens, found.cost) == (1000, 500, 0.006)
    assert found.latency_ms > 0


@pytest.mark.parametrize(
    ("script", "calls"),
    [
        ([(429, {"Retry-After": "0"})] * 2, 3),
        ([(503, {})], 2),
        ([(408, {}), (409, {}), (500, {})], 4),
        (["cut"], 2),
        (["hang"], 2),
        ([(429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})], 2),
    ],
)
def test_what_may_pass_is_tried_again(server, tmp_path, script, calls):
    server.script = list(script)
    told = run(server, tmp_path / "a.jsonl", timeout_s=0.7)
    assert (told.answered, len(server.asked)) == (1, calls)


def test_the_endpoint_says_how_long_to_wait(server, tmp_path):
    server.script = [(429, {"Retry-After": "1"})]
    began = time.perf_counter()
    run(server, tmp_path / "a.jsonl")
    assert time.perf_counter() - began >= 1


@pytest.mark.parametrize("script", [[(400, {})], [(503, {})] * 6])
def test_a_call_that_fails_is_an_error_and_is_made_again_by_the_next_run(server, tmp_path, script):
    server.script = list(script)
    path = tmp_path / "a.jsonl"
    assert run(server, path).errors == 1
    assert answers.read(path)[0].text is None
    assert run(server, path).answered == 1
    assert [a.text for a in answers.read(path)] == ["ok"]


def test_a_key_that_is_not_accepted_stops_the_run_and_stands_in_no_file(server, tmp_path):
    server.script = [(401, {})] * 9
    told = run(server, tmp_path / "a.jsonl", count=5)
    assert "TEST_KEY is not accepted" in told.stopped
    assert len(server.asked) == 1
    assert not any(KEY.encode() in f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())


def test_no_call_begins_that_could_pass_the_cap(server, tmp_path):
    priced = endpoint(server, input_price=2.0, output_price=8.0)
    told = run(server, tmp_path / "a.jsonl", count=10, to=priced, cap=0.02)
    assert "cap" in told.stopped
    assert told.spent <= 0.02
    assert 0 < len(server.asked) < 10


def test_a_cap_without_prices_is_refused(server, tmp_path):
    with pytest.raises(UsageError, match="needs prices"):
        run(server, tmp_path / "a.jsonl", cap=1.0)


def test_what_is_answered_is_not_asked_again(server, tmp_path):
    path = tmp_path / "a.jsonl"
    run(server, path, count=3)
    assert live.estimate(asks(5), endpoint(server), path).calls == 2
    run(server, path, count=5)
    assert Counter(key for key, _, _ in server.asked).most_common(1)[0][1] == 1
    assert len(server.asked) == 5


@pytest.mark.parametrize(
    "address",
    ["http://example.org/v1", "https://user:pass@example.org/v1", "https://example.org/v1?key=x",
     "ftp://example.org"],
)  # fmt: skip
def test_an_address_that_would_give_the_key_away_is_refused(address):
    with pytest.raises(UsageError, match="address"):
        live.Endpoint(address, "small")


KILLED = """
import sys
from opsbook import live
asks = [live.Ask(str(i), 1, ({"role": "user", "content": f"q{i}"},)) for i in range(30)]
live.run(asks, live.Endpoint(sys.argv[1], "small", "TEST_KEY"), __import__("pathlib").Path(sys.argv[2]), again=len(sys.argv) > 3)
"""  # noqa: E501


@pytest.mark.parametrize("after", [3, 11])
def test_a_killed_run_goes_on_without_a_double_call(server, tmp_path, after):
    server.delay, path = 0.05, tmp_path / "a.jsonl"
    words = [sys.executable, "-c", KILLED, server.at, str(path)]
    child = subprocess.Popen(words, env=os.environ)
    while len(server.asked) < after:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    with path.open("ab") as file:
        file.write(b'{"case": "29", "text": "to')  # the line that the kill cut off
    subprocess.run(words, env=os.environ, check=True)
    asked = Counter(key for key, _, _ in server.asked)
    found = answers.read(path)
    assert max(asked.values()) == 1
    assert len(found) == 30
    lost = [a for a in found if a.text is None]
    assert 1 <= len(lost) <= 3
    assert {a.error for a in lost} == {live.UNDER_WAY}
    subprocess.run([*words, "again"], env=os.environ, check=True)
    assert {a.text for a in answers.read(path)} == {"ok"}


def test_a_case_that_fails_is_asked_four_times_more(server, tmp_path, small_company, opsbook):
    place = small_company(tmp_path / "data" / "acme")
    (place / "regression").mkdir()
    rows = ["id,input,check 1", "good,q1,contains: ok", "bad,{{who}} q2,contains: ok"]
    (place / "regression" / "chat.csv").write_text("\n".join(rows))
    server.said = lambda body: "ok" if "q1" in body["messages"][-1]["content"] else "no"
    words = ("regression", "run", "chat", "--model", "small", "--endpoint", server.at, "--yes",
             "--key-env", "TEST_KEY", "--run", "new", "--data", place, "--json")  # fmt: skip
    done = opsbook(*words, cwd=tmp_path)
    said = json.loads(done.stdout)
    assert {c["id"]: (c["verdict"], c["passes"], c["of"]) for c in said["cases"]} == {
        "good": ("SAME", 3, 3), "bad": ("LOST", 0, 7)}  # fmt: skip
    assert len(server.asked) == 10
    assert json.loads(opsbook(*words, cwd=tmp_path).stdout)["cases"] == said["cases"]
    assert len(server.asked) == 10
    assert KEY not in done.stdout + done.stderr


@pytest.mark.llmock
def test_a_server_that_fails_at_random_is_asked_until_it_answers(monkeypatch, tmp_path):
    monkeypatch.setenv("TEST_KEY", KEY)
    program = os.environ.get("OPSBOOK_LLMOCK")
    if not program:
        pytest.skip("OPSBOOK_LLMOCK does not name an installed llmock")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chaos = ["--error-rate", "429=0.2", "--error-rate", "503=0.1", "--port", str(port)]
    server = subprocess.Popen([program, "serve", *chaos], stdout=subprocess.DEVNULL)
    at = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{at}/_llmock/verdict"):
                break
            time.sleep(0.2)
        asked = live.Endpoint(f"{at}/v1", "gpt-4o-mini", "TEST_KEY")
        told = live.run(asks(30), asked, tmp_path / "a.jsonl", first_wait_s=0.05, at_once=3)
        with urllib.request.urlopen(f"{at}/_llmock/verdict") as said:
            verdict = json.load(said)
    finally:
        server.terminate()
        server.wait(20)
    assert (told.answered, told.errors) == (30, 0)
    assert len(answers.read(tmp_path / "a.jsonl")) == 30
    assert verdict["passed"], verdict["findings"]
    assert verdict["faults_injected"]
