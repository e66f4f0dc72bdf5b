"""Messages brought to people: real servers on this machine, hostile text, and no secret told."""

import json
import logging
import os
import subprocess
import sys

import pytest

from opsbook.errors import SettingsError
from opsbook.notify import deliver
from opsbook.settings import Channel
from opsbook.store import Folder, load_settings

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")  # without TLS, on this machine

TOKEN = "t0kenThatNobodyMaySee42"
HOSTILE = "<script>alert(1)</script> [x](http://evil.example) **b** <!channel> @everyone \u202egnp"


def channel(url: str, **more) -> Channel:
    return Channel(id="test", roles=["AI Lead"], url=url, **more)


MAIL = "mailto://{MAIL_USER}:{MAIL_PASSWORD}@%s?from=opsbook@example.org&to=lead@example.org&mode=insecure"
LOGIN = {"MAIL_USER": "opsbook", "MAIL_PASSWORD": TOKEN}


def test_a_message_arrives_at_a_web_service_with_its_secret_header(web):
    sent = deliver(channel("json://u:{KEY}@" + web.at), "Title", "One\nTwo", {"KEY": TOKEN})
    assert sent.ok
    assert sent.problem == ""
    assert json.loads(web.got[0].body)["title"] == "Title"
    assert json.loads(web.got[0].body)["message"] == "One\nTwo"
    assert web.got[0].headers["Authorization"].startswith("Basic ")


def test_a_message_arrives_at_ntfy(web):
    sent = deliver(
        channel("ntfy://{NTFY}@" + web.at + "/ops"), "Title", "One\nTwo", {"NTFY": "tk_1"}
    )
    said = json.loads(web.got[0].body)
    assert sent.ok
    assert (said["topic"], said["title"], said["message"]) == ("ops", "Title", "One\nTwo")
    assert web.got[0].headers["Authorization"] == "Bearer tk_1"


def test_a_message_arrives_by_mail(post):
    sent = deliver(channel(MAIL % post.at), "Title", "One\nTwo", LOGIN)
    assert sent.ok, sent.problem
    assert post.recipients == [["lead@example.org"]]
    assert post.got[0]["Subject"] == "Title"
    assert "One" in post.got[0].get_body().get_content()


def test_a_password_may_hold_the_signs_of_an_address(post):
    post.login = ("ops@example.org", "a/b:c@d?e#f&g h%20")
    secrets = dict(zip(("MAIL_USER", "MAIL_PASSWORD"), post.login, strict=True))
    sent = deliver(channel(MAIL % post.at), "Title", "Body", secrets)
    assert sent.ok, sent.problem


def test_a_whole_address_may_stand_in_the_environment(web):
    sent = deliver(channel("{WEBHOOK}"), "Title", "Body", {"WEBHOOK": f"json://{web.at}/{TOKEN}"})
    assert sent.ok
    assert web.got[0].path == f"/{TOKEN}"


def test_hostile_text_adds_no_header_no_recipient_and_no_markup_to_a_mail(post):
    title = f"P1\r\nBcc: victim@example.org\r\n\r\n{HOSTILE}"
    sent = deliver(channel(MAIL % post.at), title, HOSTILE, LOGIN)
    assert sent.ok, sent.problem
    (mail,) = post.got
    assert mail["Bcc"] is None
    assert post.recipients == [["lead@example.org"]]
    assert mail["Subject"].startswith("P1 Bcc: victim@example.org <script>")
    for part in mail.walk():
        if part.get_content_type() == "text/html":
            assert "<script" not in part.get_content()
            assert "<a " not in part.get_content()
    assert "\u202e" not in mail.as_string()


def test_hostile_text_stays_text_in_json(web):
    deliver(channel(f"json://{web.at}"), f"a\r\nX-Evil: 1\x00{HOSTILE}", "b\x1b[31m", {})
    said = json.loads(web.got[0].body)
    assert web.got[0].headers["X-Evil"] is None
    assert said["title"].startswith("a X-Evil: 1 <script>")
    assert "@everyone" not in said["title"]
    assert "<!channel" not in said["title"]
    assert said["message"] == "b [31m"


@pytest.mark.parametrize("environ", [{}, {"MAIL_USER": "opsbook"}, LOGIN | {"MAIL_PASSWORD": " "}])
def test_a_variable_that_is_not_set_is_named(environ):
    missing = "MAIL_USER" if "MAIL_USER" not in environ else "MAIL_PASSWORD"
    sent = deliver(channel(MAIL % "127.0.0.1:1"), "Title", "Body", environ)
    assert not sent.ok
    assert f"channel test: environment variable {missing} is not set" in sent.problem


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://{KEY}@127.0.0.1", "apprise knows no such address"),
        ("json://u:{KEY}@127.0.0.1:1/ops", "no connection to the service"),
        ("ntfy://{KEY}@no-such-host.invalid/ops", "no connection to the service"),
        ("mailto://u:{KEY}@127.0.0.1:1?from=a@example.org&mode=insecure", "no connection"),
    ],
)
def test_a_message_that_cannot_be_sent_says_why_and_does_not_raise(url, said):
    sent = deliver(channel(url), "Title", "Body", {"KEY": TOKEN})
    assert not sent.ok
    assert said in sent.problem
    assert TOKEN not in sent.problem


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_a_service_that_refuses_is_told_with_its_answer(web, status):
    web.answer = status
    sent = deliver(channel(f"json://{web.at}"), "Title", "Body", {})
    assert (sent.ok, sent.problem) == (False, f"channel test: the service answered {status}")
    assert len(web.got) == 1


def test_a_mail_server_that_refuses_the_password_is_told(post):
    sent = deliver(channel(MAIL % post.at), "Title", "Body", LOGIN | {"MAIL_PASSWORD": "wrong"})
    assert not sent.ok
    assert "refused the login" in sent.problem
    assert post.got == []


def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_said(web):
    web.hangs = True
    sent = deliver(channel(f"json://{web.at}", timeout_s=0.3), "Title", "Body", {})
    assert (sent.ok, "no answer within 0.3 s; it may still arrive" in sent.problem) == (False, True)


PROGRAM = """
import logging, os, sys
logging.basicConfig(level=logging.DEBUG)
from opsbook.notify import deliver
from opsbook.settings import Channel
for url in sys.argv[1:]:
    channel = Channel(id="test", roles=["AI Lead"], url=url, timeout_s=1)
    print(channel, deliver(channel, "Title", "Body", os.environ))
"""


def test_a_secret_shows_in_no_output_no_log_and_no_problem(web, post):
    web.answer = 500
    urls = [
        "json://u:{KEY}@" + web.at + "/{KEY}",
        "ntfy://{KEY}@" + web.at + "/ops",
        MAIL % post.at,
        "slack://{KEY}/{KEY}/{KEY}",
        "nonsense://{KEY}",
        "{KEY}",
    ]
    told = {"KEY": TOKEN, "MAIL_USER": "opsbook", "MAIL_PASSWORD": f"not{TOKEN}"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *urls],
        env=os.environ | told,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok=False") == len(urls)
    assert TOKEN not in done.stdout + done.stderr
    assert any(TOKEN in got.path for got in web.got)


def test_a_failure_is_quiet_in_the_log_of_the_one_who_sends(web, caplog):
    web.answer = 500
    with caplog.at_level(logging.DEBUG):
        deliver(channel("json://u:{KEY}@" + web.at + "/{KEY}"), "Title", "Body", {"KEY": TOKEN})
    assert TOKEN not in caplog.text


def test_a_program_ends_while_a_server_still_hangs(web):
    web.hangs = True
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"json://{web.at}"],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "no answer within 1 s" in done.stdout


@pytest.mark.parametrize(
    "url",
    [
        "mailto://ops:hunter2@example.org",
        "mailto://{USER}:half{PASSWORD}@example.org",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops",
        "ntfys://tk_abcdef@ntfy.example.org/ops",
        "json://example.org/?+X-Api-Key=abc",
        "https://prod-12.logic.azure.com/workflows/643148e443294dc4a1c8e0e9f3b5b9cb/?sig=x",
    ],
)
def test_a_secret_in_the_settings_is_refused_by_file_and_key_and_is_not_repeated(tmp_path, url):
    said = refused(tmp_path, f'[[channels]]\nid = "a"\nroles = ["AI Lead"]\nurl = "{url}"\n')
    assert "channels.toml: entry 1: Value error, url: " in said
    assert "in plain text; put it into an environment variable" in said
    assert not {"hunter2", "half", "TIiajkdnlazkcOXrIdevi7FQ", "abcdef"} & set(words(said))


def test_a_secret_under_a_key_of_its_own_is_not_repeated_either(tmp_path):
    said = refused(tmp_path, '[[channels]]\nid = "a"\npassword = "hunter2"\nurl = 5\n')
    assert "entry 1: password " in said
    assert "entry 1: roles is missing" in said
    assert "hunter2" not in said


def test_a_token_that_only_apprise_knows_as_one_is_refused_before_it_is_sent(web):
    sent = deliver(channel(f"gotify://{web.at}/shorttoken"), "Title", "Body", {})
    assert not sent.ok
    assert "url holds a secret in plain text" in sent.problem
    assert "shorttoken" not in sent.problem
    assert web.got == []


def test_a_role_that_nobody_holds_and_an_id_given_twice_are_refused(tmp_path):
    one = '[[channels]]\nid = "a"\nroles = ["%s"]\nurl = "ntfy://{TOPIC}"\n'
    assert "'AI Lead' or 'Founder or CEO'" in refused(tmp_path, one % "CEO")
    said = refused(tmp_path, one % "AI Lead" * 2)
    assert "channels.toml: Value error, the id 'a' stands twice" in said


def test_the_channels_of_a_role_are_those_that_reach_it_at_the_priority(tmp_path):
    text = """
        [[channels]]
        id = "mail"
        roles = ["AI Lead"]
        url = "mailto://{USER}:{PASSWORD}@example.org"
        [[channels]]
        id = "telephone"
        roles = ["AI Lead", "Founder or CEO"]
        from_priority = "P1"
        url = "ntfy://{TOPIC}"
    """
    found = load_settings(company(tmp_path, text))
    reach = {
        (role, priority): [c.id for c in found.channels_for(role, priority)]
        for role in ("AI Lead", "Founder or CEO")
        for priority in ("P1", "P2", "P3")
    }
    assert reach == {
        ("AI Lead", "P1"): ["mail", "telephone"],
        ("AI Lead", "P2"): ["mail"],
        ("AI Lead", "P3"): [],
        ("Founder or CEO", "P1"): ["telephone"],
        ("Founder or CEO", "P2"): [],
        ("Founder or CEO", "P3"): [],
    }


def company(place, channels: str) -> Folder:
    (place / "settings").mkdir(exist_ok=True)
    (place / "settings/company.toml").write_text(
        '[company]\nname = "Example"\nzone = "UTC"\ncountry = "AT"\n'
        'hours = { monday = ["9:00-17:00"] }\n',
        "utf-8",
    )
    (place / "settings/workflows.toml").write_text("workflows = []\n", "utf-8")
    (place / "settings/channels.toml").write_text(channels, "utf-8")
    return Folder(place)


def refused(place, channels: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load_settings(company(place, channels))
    return str(raised.value)


def words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text).split()
