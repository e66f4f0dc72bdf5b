"""A review as a mail: what a mail server gets is light, whole and inert, and holds no secret."""

import json
import re
import struct
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest

from opsbook import mailing, notify, printing
from opsbook.errors import SettingsError, UsageError
from opsbook.review_mail import fitted, in_light, letter, lighter, words
from opsbook.settings import Channel

pytestmark = [
    pytest.mark.xdist_group("site"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH"),  # without TLS, on this machine
]
TOKEN = "t0kenThatNobodyMaySee42"
LOGIN = {"MAIL_USER": "opsbook", "MAIL_PASSWORD": TOKEN}
MAIL = "mailto://{MAIL_USER}:{MAIL_PASSWORD}@%s?from=opsbook@example.org&to=lead@example.org&mode=insecure"
HOSTILE = "<script>alert(1)</script><img src=https://evil.example/x.png> [x](http://evil.example)"
ESCAPED = HOSTILE.replace("<", "&lt;").replace(">", "&gt;")
SPEC = {"mark": "point", "data": {"values": [{"a": 1}]}, "width": "container"}
CHART = (
    '<figure class="ob-chart"><figcaption class="ob-title">Spend: 4 EUR</figcaption>'
    '<div class="ob-plot"><svg><path d="M0"/></svg></div>'
    f'<script type="application/json" class="ob-spec">{json.dumps(SPEC)}</script></figure>'
)


def tiny(_spec: dict, scale: float) -> bytes:
    """A picture of so many bytes as its scale says, by the thousand."""
    return b"x" * int(1000 * scale)


def channel(url: str, **more) -> Channel:
    return Channel(id="test", roles=["AI Lead"], url=url, timeout_s=60, **more)


class Tags(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, html: str):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def held(weekly):
    """The demo's weekly review, on a site that is published."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(weekly.place)
        found = printing.held(weekly.place / "data/demo", "weekly", "2026-W47", "")
    company = found.settings.company.model_copy(update={"site": "https://intranet.example/ops"})
    settings = found.settings.model_copy(update={"company": company})
    notebook = weekly.place / found.notebook
    return printing.Held(found.period, notebook, weekly.place / found.page, settings)


@pytest.fixture(scope="module")
def written(held, weekly):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(weekly.place)
        near = printing.Held(
            held.period, held.notebook.relative_to(weekly.place), held.page, held.settings
        )
        return mailing.written(near)


def test_what_a_mail_server_gets_is_light_whole_and_inert(written, held, post, weekly):
    (sent,) = mailing.send(written, [channel(MAIL % post.at)], LOGIN)
    assert sent.ok, sent.problem
    assert post.size[0] < 500_000
    (mail,) = post.got
    assert re.fullmatch(
        r"Weekly review 2026-W47 \(draft\): \d P2, .*\d as expected", mail["Subject"]
    )
    parts = {p.get_content_type(): p for p in mail.walk()}
    html = parts["text/html"].get_content()
    tags = Tags(html).found
    assert not {t for t, _ in tags} & {"script", "svg", "link", "iframe", "form", "object", "style"}
    pictures = [a["src"] for t, a in tags if t == "img"]
    page = (weekly.site / "reports/weekly/2026-W47.html").read_text("utf-8")
    assert len(pictures) == page.count('<figure class="ob-chart"') == 5
    assert {p.removeprefix("cid:") for p in pictures} == {
        p["Content-ID"].strip("<>") for p in mail.walk() if p.get_content_type() == "image/png"
    }
    assert all(
        p.get_content()[:4] == b"\x89PNG" for p in mail.walk() if "png" in p.get_content_type()
    )
    for words_of in (html, parts["text/plain"].get_content()):
        assert all(f"{n}. " in words_of for n in range(1, 9))
        assert "Invoice extraction: over the limits of cost" in words_of
    assert TOKEN not in mail.as_string()


def test_every_link_leads_to_the_published_site(written):
    links = [a["href"] for t, a in Tags(written.html).found if t == "a"]
    assert "https://intranet.example/ops/reports/incidents/INC-2026-0015.html" in links
    assert {h.partition("/ops/")[0] for h in links} == {"https://intranet.example"}


def test_every_cell_brings_its_own_style(written):
    cells = [a for t, a in Tags(written.html).found if t in ("td", "th", "table")]
    assert len(cells) > 100
    assert [a for a in cells if "style" not in a] == []
    assert "class=" not in written.html
    assert "var(" not in written.html


def test_a_site_that_is_published_nowhere_is_linked_nowhere():
    mail = letter(['<p><a href="../x.html">INC-1</a></p>'], "Review", "draft", "", tiny)
    assert "<a " not in mail.html
    assert "INC-1" in mail.html


def test_the_plain_words_have_a_line_for_each_row_of_a_table(written):
    assert "Langfuse observations | Mon 23 Nov 00:00 | 8 h ago | 12 | 26,311\n" in written.text
    assert "Since: Tue 17 Nov 14:00, still going on\n" in written.text


@pytest.mark.parametrize(
    "piece",
    [
        f"<p>{ESCAPED}</p>",
        f'<p class="lead">{ESCAPED}</p>',
        f'<table class="ob-table"><tbody><tr><td>{ESCAPED}</td></tr></tbody></table>',
        f'<figure><figcaption class="ob-title">{ESCAPED}</figcaption></figure>' + CHART,
        '<p><a href="javascript:alert(1)">x</a><img src="https://evil.example/y.png">'
        '<iframe src="https://evil.example"></iframe><b onclick="x()">y</b></p>',
        "<script>alert(1)</script><style>@import 'https://evil.example'</style>",
    ],
)
def test_hostile_text_stays_text_and_what_is_not_known_is_left_out(piece):
    mail = letter(
        [piece, words(HOSTILE)], "Review", "draft", "https://intranet.example/r.html", tiny
    )
    for tag, attributes in Tags(mail.html).found:
        assert tag not in ("script", "iframe", "link")
        assert not [a for a in attributes if a.startswith("on")]
        told = attributes.get("src", "") + attributes.get("href", "")
        assert "evil" not in told
        assert "javascript" not in told
    assert "evil" not in mail.link


def test_a_subject_stays_on_its_line_and_calls_nobody():
    mail = letter([], "Review\r\nBcc: x@example.org <!channel>", "draft", "", tiny)
    assert "\n" not in mail.subject
    assert "<!channel" not in mail.subject


def test_a_subject_tells_the_state_and_the_lights_the_gravest_first():
    lights = ("ok", "alert", "ok", "watch", "alert", "critical")
    pieces = [f'<div class="ob-agenda ob-{s}"><p>x</p></div>' for s in lights]
    mail = letter(pieces, "Weekly review 2026-W47", "signed", "", tiny)
    said = "Weekly review 2026-W47 (signed): 1 P1, 2 P2, 1 to watch, 2 as expected"
    assert mail.subject == said


def test_a_chart_is_a_picture_with_its_answer_as_its_words():
    mail = letter([CHART], "Review", "draft", "", tiny)
    (image,) = [a for t, a in Tags(mail.html).found if t == "img"]
    assert (image["src"], image["alt"]) == ("cid:chart-1.png", "Spend: 4 EUR")
    assert list(mail.images) == ["chart-1.png"]


@pytest.mark.parametrize(
    ("room", "sizes"),
    [
        (6000, [2000, 2000, 2000]),
        (5999, [1500, 1500, 1500]),
        (3000, [1000, 1000, 1000]),
        (2000, [None, 1000, 1000]),
        (10, [None, None, None]),
    ],
)
def test_pictures_grow_smaller_and_then_fewer_until_they_fit(room, sizes):
    assert [d and len(d) for d in fitted([SPEC] * 3, tiny, room)] == sizes


def test_a_chart_that_is_left_out_is_said(monkeypatch):
    monkeypatch.setattr("opsbook.review_mail.MOST_BYTES", 4000)
    mail = letter([CHART], "Review", "draft", "", tiny)
    assert (mail.left_out, mail.images) == (1, {})
    assert "The chart is left out, to keep the mail light." in mail.html


def test_a_picture_packed_better_is_the_same_picture():
    import zlib

    import vl_convert

    png = vl_convert.vegalite_to_png({**SPEC, "width": 300})
    packed = lighter(png)
    assert len(packed) < len(png)
    assert lighter(packed) == packed
    assert pixels(packed, zlib) == pixels(png, zlib)


def pixels(png: bytes, zlib) -> bytes:
    at, data = 8, b""
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        content = png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(
            kind + content
        )
        data += content if kind == b"IDAT" else b""
        at += size + 12
    return zlib.decompress(data)


def test_no_colour_of_a_page_is_left_in_a_charts_specification():
    said = '{"a":"var(--ob-rest,rgba(110,125,140,.09))","b":"var(--ob-ink,var(--jp,#1c2530))"}'
    assert in_light(said) == '{"a":"rgba(110,125,140,.09)","b":"#1c2530"}'


def test_a_chat_gets_the_title_the_lead_sentence_and_the_link(written, web):
    (sent,) = mailing.send(written, [channel(f"json://{web.at}")], {})
    assert (sent.form, sent.ok) == ("lead and link", True)
    said = json.loads(web.got[0].body)
    assert said["title"].startswith("Weekly review 2026-W47 (draft): ")
    lead, link = said["message"].splitlines()
    assert lead.startswith("1 incident of class P1 or P2: Invoice extraction")
    assert link == "https://intranet.example/ops/reports/weekly/2026-W47.html"


def test_what_rings_for_p1_alone_carries_no_review_unless_it_is_a_mail(written, web, post):
    rings = channel(f"json://{web.at}", from_priority="P1")
    mails = channel(MAIL % post.at, from_priority="P1")
    told = mailing.send(written, [rings, mails], LOGIN)
    assert [(t.form, t.ok) for t in told] == [("left out, for P1 alone", True), ("letter", True)]
    assert (len(web.got), len(post.got)) == (0, 1)


def test_a_dry_run_sends_nothing(written, web):
    (sent,) = mailing.send(written, [channel(f"json://{web.at}")], {}, dry=True)
    assert (sent.form, sent.ok, web.got) == ("lead and link", True, [])


def test_a_refusal_and_a_variable_that_is_not_set_are_told_without_a_secret(written, post):
    wrong = LOGIN | {"MAIL_PASSWORD": f"not{TOKEN}"}
    (refused,) = mailing.send(written, [channel(MAIL % post.at)], wrong)
    (unset,) = mailing.send(written, [channel(MAIL % post.at)], {})
    assert (refused.ok, unset.ok) == (False, False)
    assert TOKEN not in refused.sentence()
    assert "MAIL_USER is not set" in unset.sentence()


def test_a_role_that_no_channel_reaches_and_one_that_is_none_are_told(held):
    with pytest.raises(SettingsError, match="no channel reaches AI Lead"):
        mailing.channels(held, "AI Lead")
    with pytest.raises(UsageError, match="expected one of AI Lead, Founder or CEO"):
        mailing.channels(held, "CEO")


def test_the_command_writes_a_draft_that_mail_programs_open(weekly, tmp_path, opsbook):
    out = tmp_path / "review.eml"
    done = opsbook("mail", "weekly", "--out", out, "--json", cwd=weekly.place)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["charts"] == 5
    mail = message_from_bytes(out.read_bytes(), policy=policy.default)
    assert (mail["X-Unsent"], mail["To"]) == ("1", None)
    assert "8. Decisions and sign-off" in mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    named = set(re.findall(r"cid:([\w.-]+)", html))
    assert named == {p["Content-ID"].strip("<>") for p in mail.walk() if p["Content-ID"]}


def test_the_command_says_what_it_would_send_and_needs_a_channel(weekly, opsbook):
    done = opsbook("mail", "weekly", "--dry-run", cwd=weekly.place)
    assert done.returncode == 2
    assert "no channel reaches AI Lead; name one" in " ".join(done.stderr.split())


def test_only_a_mail_server_takes_letters():
    at = {"TOPIC": "x"}
    assert not notify.takes_letters(notify.service(channel("ntfy://{TOPIC}"), at))
