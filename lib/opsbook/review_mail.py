"""A review as a mail: its page's pieces as HTML that mail programs show, charts as pictures.

Outlook draws with Word: so tables carry their style themselves, boxes are tables, and nothing runs
or is fetched. Pictures come with the mail and are named `cid:`. Text from data stays escaped: what
is not known here is left out, never passed on.
"""

import json
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape, unescape
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from opsbook.charts import fixed_width
from opsbook.messages import line, visible

MOST_BYTES = 480_000
"""Of a whole mail as it is sent: below half a megabyte, which every server takes."""
ENCODED = 1.37
"""Times the bytes of a part that is sent as base64 in lines."""
SCALES = (2.0, 1.5, 1.0)
CHART_WIDTH, MAIL_WIDTH = 620, 680
INK, MUTED, RULE, STRONG, LINK = "#1c2530", "#55606d", "#dbe1e6", "#8793a0", "#1d5a8e"
COLOURS = {
    "ok": "#2d6a4a", "watch": "#876000", "alert": "#b23c12", "critical": "#9c1430",
    "none": "#5d6874", "planned": "#5d6874",
}  # fmt: skip
"""The light theme of `reports/assets/opsbook.css`: a mail has no other."""
SUBJECT = {
    "critical": "P1", "alert": "P2", "watch": "to watch", "none": "no data", "planned": "to come",
    "ok": "as expected",
}  # fmt: skip
FAMILY = "'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
SMALL = f"font-size:13px;line-height:1.45;color:{MUTED}"
CELL = f"padding:6px 12px 6px 0;border-bottom:1px solid {RULE};font-size:14px;vertical-align:top"
STYLES = {
    "h2": "font-size:20px;line-height:1.3;margin:34px 0 4px",
    "h3": "font-size:17px;line-height:1.3;margin:22px 0 4px",
    "h4": "font-size:15px;line-height:1.3;margin:18px 0 4px",
    "p": "margin:0 0 12px",
    "figcaption": "font-size:16px;font-weight:600;margin:18px 0 6px",
    "pre": "font-size:13px;white-space:pre-wrap;margin:0 0 12px",
    "ul": "margin:0 0 12px", "ol": "margin:0 0 12px",
}  # fmt: skip
CLASSES = {
    "lead": "font-size:18px;line-height:1.45;margin:0 0 12px",
    "ob-note": f"{SMALL};margin:0 0 12px",
    "ob-record": f"{SMALL};margin:28px 0 0;border-top:1px solid {RULE};padding-top:8px",
    "ob-kicker": f"{SMALL};margin:0 0 2px",
    "ob-answer": "font-size:16px;margin:0",
    "ob-empty": f"color:{MUTED};margin:0 0 12px",
    "ob-card-what": "font-size:17px;font-weight:600;margin:4px 0 8px",
    "ob-card-head": f"{SMALL};margin:0",
}
BOXES = ("ob-agenda", "ob-card", "ob-tocome", "ob-explain")
PLAIN = ("strong", "em", "b", "i", "code", "li", "blockquote")
DROPPED = ("svg", "style", "template", "ob-sign", "ob-spark")
VAR = re.compile(r"var\(--[\w-]+,\s*((?:[^()]|(?:rgba?|hsla?)\([^()]*\))*)\)")

Draw = Callable[[dict, float], bytes]
"""A chart's specification and a scale to a PNG."""


@dataclass(frozen=True)
class Letter:
    """A review as it is sent: subject, HTML with its pictures by name, plain words, page."""

    subject: str
    lead: str
    html: str
    text: str
    link: str
    images: dict[str, bytes] = field(default_factory=dict)
    left_out: int = 0

    @property
    def weight(self) -> int:
        """The bytes of the mail as a server gets it, about."""
        parts = [self.html.encode(), self.text.encode(), *self.images.values()]
        return int(ENCODED * sum(map(len, parts)))

    @property
    def short(self) -> str:
        """What a chat is told instead: the lead sentence and the page."""
        return "\n".join(p for p in (line(self.lead), self.link) if p)


def letter(pieces: Sequence[str], title: str, state: str, link: str, draw: Draw) -> Letter:
    """The mail of a review, from the pieces of its page as HTML, in their order.

    `link` is the page's address for people, "" where the site is published nowhere: then nothing
    is linked. Pictures are made smaller, then left out (the heaviest first, and said so), until
    the whole is light enough.
    """
    pen = _Pen(link)
    for piece in pieces:
        pen.feed(piece)
        pen.close()
        pen.reset()
    text = _lines(pieces)
    body = "".join(pen.out)
    room = MOST_BYTES / ENCODED - len(body.encode()) - len(text.encode()) - 2000
    drawn = fitted([spec for spec, _ in pen.charts], draw, int(room))
    images = {f"chart-{n}.png": png for n, png in enumerate(drawn, start=1) if png}
    for number, ((_, said), png) in enumerate(zip(pen.charts, drawn, strict=True), start=1):
        body = body.replace(_place(number), _picture(number, said) if png else LEFT_OUT)
    subject = line(f"{title} ({state}): {_lights(pen.lights)}")
    return Letter(
        subject=subject,
        lead=pen.lead,
        html=_whole(subject, title, state, link, body),
        text="\n".join(p for p in (f"{title} ({state})", link, "", text) if p or p == ""),
        link=link,
        images=images,
        left_out=len(drawn) - len(images),
    )


def _lights(lights: dict[str, int]) -> str:
    """How many sections have which light, the gravest first."""
    return ", ".join(f"{lights[s]} {word}" for s, word in SUBJECT.items() if lights.get(s))


def fitted(specs: Sequence[dict], draw: Draw, room: int) -> list[bytes | None]:
    """The pictures of charts within so many bytes; None for those that are left out."""
    drawn: list[bytes | None] = []
    for scale in SCALES:
        drawn = [draw(spec, scale) for spec in specs]
        if sum(map(len, drawn)) <= room:
            return drawn
    while sum(len(d) for d in drawn if d) > room and any(drawn):
        heaviest = max(range(len(drawn)), key=lambda n: len(drawn[n] or b""))
        drawn[heaviest] = None
    return drawn


def lighter(png: bytes) -> bytes:
    """The same picture in fewer bytes: what draws charts packs them quickly, not well."""
    parts, packed, at = [], b"", len(PNG)
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        content = png[at + 8 : at + 8 + size]
        packed += content if kind == b"IDAT" else b""
        parts += [(kind, content)] if kind != b"IDAT" else []
        at += size + 12
    body = zlib.compress(zlib.decompress(packed), 9)
    ended = parts.index((b"IEND", b""))
    chunks = [*parts[:ended], (b"IDAT", body), parts[ended]]
    return PNG + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks
    )


PNG = b"\x89PNG\r\n\x1a\n"


def in_light(spec: str) -> str:
    """A chart's specification with the light theme's colours in place of a page's variables.

    >>> in_light('{"fill":"var(--ob-ink,var(--x,#1c2530))"}')
    '{"fill":"#1c2530"}'
    """
    before = ""
    while before != spec:
        before, spec = spec, VAR.sub(r"\1", spec)
    return spec


def prepared(spec: dict) -> dict:
    """A chart's specification as a mail shows it: on white, as wide as the mail."""
    config = {**spec.get("config", {}), "background": "#fff"}
    return fixed_width({**spec, "config": config, "background": "#fff"}, CHART_WIDTH)


def words(markdown: str) -> str:
    """A page's own words (headings and sentences in Markdown) as HTML.

    >>> words("## 1. Data\\n\\nWhat *arrived*, `now`.")
    '<h2>1. Data</h2><p>What arrived, now.</p>'
    """
    blocks = re.split(r"\n\s*\n", unescape(markdown).strip())
    return "".join(_block(b) for b in blocks if b.strip())


def _block(block: str) -> str:
    bare = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"[*`]", "", block))
    level = len(bare) - len(bare.lstrip("#"))
    tag = f"h{min(level, 4)}" if level >= 2 else "p"
    return f"<{tag}>{escape(' '.join(bare.lstrip('# ').split()), quote=False)}</{tag}>"


def _place(number: int) -> str:
    return f"\0{number}\0"


LEFT_OUT = f'<p style="{CLASSES["ob-note"]}">The chart is left out, to keep the mail light.</p>'


def _picture(number: int, said: str) -> str:
    return (
        f'<img src="cid:chart-{number}.png" width="{CHART_WIDTH}" alt="{escape(said)}" '
        'style="display:block;width:100%;max-width:620px;height:auto;border:0;margin:0 0 8px">'
    )


def _whole(subject: str, title: str, state: str, link: str, body: str) -> str:
    page = f'<a href="{escape(link)}" style="color:{LINK}">The page</a>'
    where = f'<p style="{CLASSES["ob-note"]}">{page} has the evidence behind each figure.</p>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" '
        f'content="light"><title>{escape(subject)}</title></head>'
        f'<body style="margin:0;background:#fff;color:{INK};font-family:{FAMILY}">'
        f'<table role="presentation" width="{MAIL_WIDTH}" align="center" cellpadding="0" '
        f'cellspacing="0" style="width:100%;max-width:{MAIL_WIDTH}px"><tr>'
        f'<td style="padding:24px;font-family:{FAMILY};font-size:15px;line-height:1.5;color:{INK}">'
        f'<h1 style="font-size:26px;line-height:1.25;margin:0 0 4px">{escape(title)}</h1>'
        f'<p style="{CLASSES["ob-note"]}">{escape(state.capitalize())}</p>'
        f"{where if link else ''}{body}</td></tr></table></body></html>"
    )


class _Pen(HTMLParser):
    """Writes a page's pieces anew for a mail; keeps the charts' data, lights and lead sentence."""

    def __init__(self, link: str) -> None:
        super().__init__(convert_charrefs=True)
        self.link = link
        self.out: list[str] = []
        self.charts: list[tuple[dict, str]] = []
        self.lights: dict[str, int] = {}
        self.lead = ""
        self._open: list[tuple[str, str, str]] = []
        self._skipping: tuple[str, int] = ("", 0)
        self._caption, self._heard = "", ""
        self._spec: list[str] | None = None
        self._tile = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {k: v or "" for k, v in attrs}
        classes = named.get("class", "").split()
        if self._skipping[1]:
            self._skipping = (self._skipping[0], self._skipping[1] + (tag == self._skipping[0]))
        elif tag == "script":
            self._spec = [] if "ob-spec" in classes else None
            self._skipping = (tag, 1)
        elif tag in DROPPED or set(classes) & set(DROPPED):
            self._skipping = (tag, 1)
        elif tag in ("br", "hr"):
            self.out.append(f"<{tag}>")
        else:
            begin, end = self._written(tag, named, classes)
            if tag == "span" and self.out and self.out[-1].endswith(("</span>", "</b>")):
                between = " · " if any(c == "ob-kicker" for _, _, c in self._open) else " "
                begin = f"{between}{begin}"
            if tag in ("figcaption", "p"):
                self._heard = ""
            self.out.append(begin)
            self._open.append((tag, end, " ".join(classes)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("br", "hr") and not self._skipping[1]:
            self.out.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        skipped, depth = self._skipping
        if depth:
            self._skipping = (skipped, depth - (tag == skipped))
            if tag == "script" and self._spec is not None:
                self._chart("".join(self._spec))
                self._spec = None
            return
        if tag not in [t for t, _, _ in self._open]:
            return
        while self._open:
            name, end, classes = self._open.pop()
            self.out.append(end)
            self._noted(name, classes)
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._spec is not None:
            self._spec.append(data)
        if self._skipping[1]:
            return
        shown = "".join(c if c.isprintable() or c in "\n\t" else " " for c in data)
        self._heard += shown
        self.out.append(escape(shown, quote=False))

    def _noted(self, tag: str, classes: str) -> None:
        said = " ".join(self._heard.split())
        if tag == "figcaption":
            self._caption = said
        if tag == "p" and classes == "lead" and not self.lead:
            self.lead = said

    def _chart(self, spec: str) -> None:
        try:
            self.charts.append((prepared(json.loads(in_light(spec))), self._caption))
        except ValueError:
            return  # no chart's data
        self.out.append(_place(len(self.charts)))

    def _written(self, tag: str, named: dict[str, str], classes: list[str]) -> tuple[str, str]:
        """How an element begins and ends in a mail."""
        light = next((s for s in COLOURS if f"ob-{s}" in classes), "")
        if "ob-agenda" in classes and light:
            self.lights[light] = self.lights.get(light, 0) + 1
        if set(classes) & set(BOXES):
            return _box(COLOURS.get(light, STRONG))
        if tag in ("dl", "div", "dt", "dd"):
            return self._listed(tag, classes)
        if tag in ("table", "caption", "tr", "th", "td"):
            return self._tabled(tag, named, classes)
        if tag == "span":
            return _span(classes, light)
        if tag == "a":
            return self._linked(named.get("href", ""))
        style = next((CLASSES[c] for c in classes if c in CLASSES), STYLES.get(tag, ""))
        if style:
            return f'<{"p" if tag == "figcaption" else tag} style="{style}">', (
                f"</{'p' if tag == 'figcaption' else tag}>"
            )
        return (f"<{tag}>", f"</{tag}>") if tag in PLAIN else ("", "")

    def _listed(self, tag: str, classes: list[str]) -> tuple[str, str]:
        """Key figures beside each other, or terms with their descriptions, as tables."""
        inside = [c for t, _, c in self._open if t == "dl"]
        tiles = bool(inside) and "ob-tiles" in inside[-1]
        if tag == "dl":
            self._tile = 0
            whole = 'width="100%" ' if "ob-tiles" in classes else ""
            row = ("<tr>", "</tr>") if "ob-tiles" in classes else ("", "")
            return (
                f'<table role="presentation" {whole}cellpadding="0" cellspacing="0" '
                f'style="margin:8px 0 16px">{row[0]}',
                f"{row[1]}</table>",
            )
        if tag == "div" and tiles:
            self._tile += 1
            broken = "</tr><tr>" if self._tile > 4 and self._tile % 4 == 1 else ""
            cell = f"padding:10px 12px;border:1px solid {RULE};vertical-align:top"
            return f'{broken}<td width="25%" style="{cell}">', "</td>"
        if tag == "div":
            return ("<tr>", "</tr>") if inside else ("<div>", "</div>")
        if tiles:
            return (f'<div style="{SMALL}">', "</div>") if tag == "dt" else ("<div>", "</div>")
        wide = f'<td width="110" style="{SMALL};padding:2px 12px 2px 0;vertical-align:top">'
        return (wide if tag == "dt" else '<td style="font-size:14px;padding:2px 0">'), "</td>"

    def _tabled(self, tag: str, named: dict[str, str], classes: list[str]) -> tuple[str, str]:
        """A table's elements with their style; a caption stands above, where Outlook shows it."""
        if tag == "table":
            return (
                '<table width="100%" cellpadding="0" cellspacing="0" '
                'style="border-collapse:collapse;margin:10px 0 18px">',
                "</table>",
            )
        if tag == "caption":
            return (
                '<tr><td colspan="99" style="font-size:16px;font-weight:600;padding:0 0 6px">',
                "</td></tr>",
            )
        if tag == "tr":
            return "<tr>", "</tr>"
        spans = "".join(
            f' {k}="{named[k]}"' for k in ("colspan", "rowspan") if named.get(k, "").isdigit()
        )
        side = "right" if "ob-end" in classes else "left"
        heads = tag == "th" and named.get("scope") == "col"
        style = (
            f"{SMALL};padding:4px 12px 4px 0;border-bottom:2px solid {STRONG};font-weight:500"
            if heads
            else CELL + (";font-weight:500" if tag == "th" else "")
        )
        return f'<{tag} align="{side}"{spans} style="{style};text-align:{side}">', f"</{tag}>"

    def _linked(self, href: str) -> tuple[str, str]:
        """A link to where the site is published; words alone where it leads nowhere."""
        target = urljoin(self.link, href) if self.link else ""
        if urlsplit(target).scheme not in ("https", "http"):
            return "", ""
        return f'<a href="{escape(target)}" style="color:{LINK}">', "</a>"


def _box(colour: str) -> tuple[str, str]:
    style = f"border-left:4px solid {colour};padding:2px 0 2px 12px"
    return (
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" '
        f'style="margin:8px 0 16px"><tr><td style="{style}">',
        "</td></tr></table>",
    )


def _span(classes: list[str], light: str) -> tuple[str, str]:
    if "ob-figure" in classes:
        return '<b style="font-size:22px;line-height:1.35">', "</b><br>"
    if "ob-badge" in classes or "ob-light" in classes:
        return f'<span style="color:{COLOURS.get(light, INK)};font-weight:600">', "</span>"
    if "ob-against" in classes or "ob-note" in classes:
        return f'<span style="{SMALL}">', "</span>"
    if "ob-title" in classes:
        return f'<b style="font-size:16px;color:{INK}">', "</b><br>"
    return "<span>", "</span>"


ROWS = ("p", "h1", "h2", "h3", "h4", "tr", "li", "figcaption", "caption", "pre", "br", "dt", "div")


def _lines(pieces: Sequence[str]) -> str:
    """The words of the pieces, a line for each row of a table, its cells set apart by a bar."""
    told = []
    for piece in pieces:
        bare = re.sub(r"<(script|svg|style)\b.*?</\1>", " ", piece, flags=re.DOTALL)
        bare = re.sub(r'<table class="ob-sign">.*?</table>', " ", bare, flags=re.DOTALL)
        bare = re.sub(r"</(th|td)>\s*<(th|td)\b", r"</\1> | <\2", " ".join(bare.split()))
        bare = re.sub(
            r"</tr>\s*(</?t(body|foot)>\s*)*<tr[^>]*>", "\n", bare.replace("</thead>", "")
        )
        bare = re.sub(r"</dt>\s*<dd[^>]*>", ": ", bare)
        bare = re.sub(r"</dd>\s*</div>\s*<div[^>]*>", "\n", bare)
        bare = re.sub(r"<(h[23])\b", r"\n<\1", bare)
        bare = re.sub(rf"</?({'|'.join(ROWS)})\b[^>]*>", "\n", bare)
        told.append(unescape(re.sub(r"<[^>]+>", " ", bare)))
    lines = [visible(" ".join(one.split())) for one in "\n".join(told).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
