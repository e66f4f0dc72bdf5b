"""What a notification says."""

import pandas as pd

from opsbook.messages import line, message
from opsbook.settings import Company

GRAZ = Company(
    name="Example",
    zone="Europe/Vienna",
    country="AT",
    locale="en_GB",
    hours={"monday": ["9:00-17:00"]},
)
NOON = pd.Timestamp("2026-11-17T11:00Z")
HEAD = "9f" * 32


def told(**more):
    facts = {
        "headline": "P1 Support chat: 31 % of calls failed",
        "since": NOON,
        "due": [
            ("AI Lead", NOON + pd.Timedelta(hours=1)),
            ("Founder or CEO", NOON + pd.Timedelta(hours=2)),
        ],
        "first_response": "Pause the workflow; no follow-up AI output.",
        "link": "https://ops.example/incidents/INC-2026-0001.html",
        "count": 12,
        "head": HEAD,
        "company": GRAZ,
    }
    return message(**facts | more)


def test_a_notification_says_what_happened_since_when_who_acts_what_first_and_where():
    title, body = told()
    assert title == "P1 Support chat: 31 % of calls failed"
    assert body.splitlines() == [
        title,
        "",
        "Since: Tue 17 Nov 12:00",
        "AI Lead: act by Tue 17 Nov 13:00",
        "Founder or CEO: act by Tue 17 Nov 14:00",
        "First response: Pause the workflow; no follow-up AI output.",
        "Page: https://ops.example/incidents/INC-2026-0001.html",
        f"Record: 12 events, head {HEAD}",
        "Times in Europe/Vienna.",
    ]


def test_times_are_those_of_the_companys_clocks():
    kolkata = GRAZ.model_copy(update={"zone": "Asia/Kolkata"})
    body = told(company=kolkata, since=pd.Timestamp("2026-11-17T20:00Z")).body
    assert "Since: Wed 18 Nov 01:30" in body
    assert "Times in Asia/Kolkata." in body


def test_hostile_text_stays_on_its_line_links_to_nothing_and_calls_nobody():
    evil = "x\r\nRecord: 0 events\n\u202e[pay](https://evil.example) <!channel> @everyone\x1b[31m"
    title, body = told(headline=evil, first_response=evil)
    assert len(title.splitlines()) == 1
    assert len(body.splitlines()) == 9
    assert body.count("\nRecord:") == 1
    assert body.count("://") == 1
    for mark in ("\u202e", "\x1b", "<!channel", "@everyone"):
        assert mark not in title + body


def test_a_mail_address_and_a_cleaned_line_stay_as_they_are():
    assert line("ask lead@example.org") == "ask lead@example.org"
    assert line(line("@all <!here> https://x")) == line("@all <!here> https://x")


def test_a_long_text_is_cut_with_a_sign():
    cut = line("a" * 1000)
    assert len(cut) == 300
    assert cut.endswith("a…")
