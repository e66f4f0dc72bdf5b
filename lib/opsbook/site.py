"""Executed notebooks to pages, and pages to the site.

The publish step makes a page of an executed notebook: no parameters, no code, no script but ours,
no shortcode a renderer would expand. Then Quarto, where one is found, or the embedded renderer
builds the same sources; the last good site stays until the new one is whole.
"""

import datetime as dt
import functools
import hashlib
import http.server
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import nbformat
import nh3

from opsbook.charts import fixed_width, slimmed
from opsbook.errors import NotebookError, SiteError

OUTPUT = Path("_site")
CACHE = Path(".opsbook")
ASSETS = Path("reports/assets")
BUNDLE = "opsbook-charts.js"
WIDE: dict[str, object] = {"page-layout": "full", "toc": False}
"""For a page whose tables are wider than a column of text."""
SPEC = re.compile(r'<script type="application/json" class="ob-spec">(.*?)</script>', re.S)
SHAPES = {
    "svg": {"viewBox", "width", "height", "preserveAspectRatio", "focusable"},
    "path": {"d", "fill", "stroke", "stroke-width"},
    "circle": {"cx", "cy", "r"},
    "line": {"x1", "x2", "y1", "y2"},
    "rect": {"x", "y", "width", "height", "rx"},
    "polyline": {"points"},
    "g": {"transform"},
    "text": {"x", "y"},
}
TAGS = nh3.ALLOWED_TAGS - {"img"} | set(SHAPES) | {
    "figure", "figcaption", "section", "article", "button", "tfoot", "title",
}  # fmt: skip
EVERYWHERE = {"class", "id", "role", "title", "tabindex", "hidden"}
ATTRIBUTES = {
    "*": EVERYWHERE,
    "a": {"href"},
    "th": {"scope", "colspan", "rowspan"},
    "td": {"colspan", "rowspan", "headers"},
    "time": {"datetime"},
    "button": {"type"},
    "ol": {"start"},
    **SHAPES,
}


FOR_QUARTO = (
    "compiles no Sass",
    "execute.enabled is ignored",
    "execute.echo is ignored",
    "html-math-method",
    "html-table-processing",
)
"""What the embedded renderer says of settings that stand in _quarto.yml for Quarto alone."""


@dataclass(frozen=True)
class Rendered:
    """What a renderer made: how many pages where, and what a person should look at."""

    pages: int
    problems: list[str]
    output: Path
    renderer: str


def publish(
    executed: Path,
    page: Path,
    title: str,
    date: str,
    categories: list[str],
    foot: str = "",
    fingerprint: str = "",
    layout: dict[str, object] | None = None,
    as_of: str = "",
) -> None:
    """Write the page of an executed notebook: front matter, words, outputs, a foot, nothing else.

    `layout` is further front matter; `fingerprint` is kept with the page, see `fingerprint_of`, and
    so is `as_of`, the moment it was made for. A cell's tag stays: see `put_outputs`.
    NotebookError when a cell failed: a renderer would publish that without complaint.
    """
    book = nbformat.read(executed, 4)
    _refuse_failed(executed, book)
    front = {"title": title, "date": date, "categories": categories, **(layout or {})}
    cells = [_front(front)]
    for cell in book.cells:
        if not set(cell.metadata.get("tags", [])) & {"parameters", "injected-parameters", "load"}:
            cells.append(_shown(cell))
    metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    metadata |= {"opsbook": {"fingerprint": fingerprint, "date": date, "as_of": as_of}}
    page.parent.mkdir(parents=True, exist_ok=True)
    _write(page, nbformat.v4.new_notebook(cells=[*cells, _foot(foot)], metadata=metadata))


def fingerprint_of(page: Path) -> str:
    """What a page was made of, as `publish` was told; empty for none, or no page."""
    try:
        found = json.loads(page.read_text("utf-8"))
        return found["metadata"]["opsbook"]["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def put_foot(page: Path, foot: str) -> None:
    """Give a published page another foot; all else stays as it is."""
    book = nbformat.read(page, 4)
    book.cells[-1] = _foot(foot)
    _write(page, book)


def put_outputs(
    page: Path, shown: dict[str, str], front: dict[str, object], fingerprint: str
) -> None:
    """Give a published page's tagged cells other outputs, and the page another front matter."""
    book = nbformat.read(page, 4)
    book.cells[0] = _front(front)
    for cell in book.cells:
        for tag in set(cell.metadata.get("tags", [])) & set(shown):
            output = nbformat.v4.new_output("display_data", data={"text/html": shown[tag]})
            cell.outputs = [_raw_html(output)]
    book.metadata.opsbook |= {"date": front["date"], "fingerprint": fingerprint}
    _write(page, book)


def tagged_page(tags: Iterable[str]) -> bytes:
    """A page of nothing but places for `put_outputs`, by their tags."""
    cells = [nbformat.v4.new_code_cell("#| echo: false", metadata={"tags": [t]}) for t in tags]
    metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_raw_cell(""), *cells], metadata=metadata | {"opsbook": {}}
    )
    return nbformat.writes(book).encode()


def _front(front: dict[str, object]) -> nbformat.NotebookNode:
    """The cell of front matter: what is empty is left out."""
    told = front | {"title": literal(str(front["title"]))}
    lines = [
        f"{k}: {json.dumps(v, ensure_ascii=False)}" for k, v in told.items() if v or v is False
    ]
    return nbformat.v4.new_raw_cell("---\n" + "\n".join(lines) + "\n---")


def _foot(html: str) -> nbformat.NotebookNode:
    output = nbformat.v4.new_output("display_data", data={"text/html": html})
    return nbformat.v4.new_code_cell("#| echo: false", outputs=[_raw_html(output)])


def _write(page: Path, book: nbformat.NotebookNode) -> None:
    """Put a page in place as a whole, the same bytes and time for the same content."""
    for number, cell in enumerate(book.cells):
        cell["id"] = f"c{number}"
    temporary = page.with_suffix(".part")
    nbformat.write(book, temporary)
    noon = dt.datetime.fromisoformat(f"{book.metadata.opsbook.date}T12:00Z").timestamp()
    os.utime(temporary, (noon, noon))  # listings sort by it: the same page, the same bytes
    temporary.replace(page)


def literal(words: str) -> str:
    """Words that stand in front matter as they are: there, too, renderers read Markdown and HTML.

    >>> literal("Costs < 5 EUR")
    'Costs &lt; 5 EUR'
    """
    return re.sub(r"[&<>{*_`$\[\]\\~^]", lambda sign: ENTITIES[sign[0]], words)


ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {s: f"&#{ord(s)};" for s in "{*_`$[]\\~^"}


def _refuse_failed(executed: Path, book: nbformat.NotebookNode) -> None:
    for number, cell in enumerate(book.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise NotebookError(
                    f"{executed.name}, cell {number}: {output.ename}: {output.evalue}. "
                    "Nothing was published; the last good site stays."
                )


def _shown(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A cell as a page shows it: words, or outputs without their code."""
    if cell.cell_type != "code":
        words = re.sub(r"^# .*\n*", "", cell.source)  # the title stands in the front matter
        return nbformat.v4.new_markdown_cell(unexpanded(words))
    outputs = [_raw_html(o) for o in cell.outputs if o.output_type in DISPLAYED]
    tags = cell.metadata.get("tags")
    kept = {"tags": tags} if tags else {}
    return nbformat.v4.new_code_cell("#| echo: false", outputs=outputs, metadata=kept)


DISPLAYED = ("display_data", "execute_result")


def _raw_html(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An output as a raw HTML block: renderers pass it through and add no script for it."""
    html = output.data.get("text/html")
    if html is None:
        words = output.data.get("text/plain", "")
        html = f"<pre>{nh3.clean_text(words)}</pre>"
    block = safe(html)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", block) or [""]))
    text = f"{fence}{{=html}}\n{block}\n{fence}"
    return nbformat.v4.new_output("display_data", data={"text/markdown": text})


def safe(html: str) -> str:
    """HTML without anything that runs, except chart specifications, which are data.

    Scripts, styles, event handlers and outside addresses go; a shortcode's braces are broken; each
    chart gets its drawing.
    """
    specs: list[str] = []
    mark = secrets.token_hex(8)  # so that no text can name another chart's place

    def take(found: re.Match) -> str:
        try:
            specs.append(json.dumps(json.loads(found[1]), separators=(",", ":")))
        except json.JSONDecodeError:
            return ""  # a script that is no data goes like any other
        return f"<code>{mark}-{len(specs) - 1}-</code>"

    cleaned = nh3.clean(
        SPEC.sub(take, html),
        tags=TAGS,
        attributes=ATTRIBUTES,
        generic_attribute_prefixes={"data-", "aria-"},
        url_schemes={"https", "mailto"},
        attribute_filter=_own_paint,
        link_rel=None,
        clean_content_tags={"script", "style"},
    )
    drawn = re.sub(rf"<code>{mark}-(\d+)-</code>", lambda m: _spec(specs[int(m[1])]), cleaned)
    return unexpanded(_with_drawings(drawn))


def _own_paint(_tag: str, name: str, value: str) -> str | None:
    """An attribute's value; None for a paint that some browsers would fetch from elsewhere."""
    return None if name in ("fill", "stroke") and "url(" in value.lower() else value


def unexpanded(text: str) -> str:
    """Text in which no renderer finds a shortcode such as `{{< env SECRET >}}`.

    >>> unexpanded("{{< env HOME >}}")
    '{&#123;&lt; env HOME >}}'
    """
    return re.sub(r"\{\{(<|&lt;)", "{&#123;&lt;", text)


def _spec(spec: str) -> str:
    inert = spec.replace("<", "\\u003c").replace("{{", "{\\u007b")
    return f'<script type="application/json" class="ob-spec">{inert}</script>'


PLOT = re.compile(
    r'(<div class="ob-plot"[^>]*>)</div>(\s*<script type="application/json" class="ob-spec">)'
    r"(.*?)(</script>)",
    re.S,
)


def _with_drawings(html: str) -> str:
    """Each chart with a drawing made ahead: for print, for pages without scripts, for the start."""
    return PLOT.sub(lambda m: f"{m[1]}{drawing(unescape(m[3]))}</div>{m[2]}{m[3]}{m[4]}", html)


def drawing(spec: str) -> str:
    """The SVG of a chart's specification, kept by its hash so that it is drawn once."""
    key = hashlib.sha256(spec.encode()).hexdigest()[:16]
    kept = CACHE / "drawings" / f"{key}.svg"
    if kept.exists():
        return kept.read_text("utf-8")
    import vl_convert

    svg = vl_convert.vegalite_to_svg(fixed_width(json.loads(spec)))
    named = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>d{key[:6]}-", svg)
    sized = re.sub(r'(<svg[^>]*?) width="[\d.]+" height="[\d.]+"', r"\1", named, count=1)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(slimmed(sized), "utf-8")
    return kept.read_text("utf-8")


def shows_another(data: Path) -> bool:
    """Whether the pages that lie here are another company's: a site shows one, and its own only."""
    mark = CACHE / "company"
    return mark.exists() and mark.read_text("utf-8") != _named(data)


def mark_as(data: Path) -> None:
    """Note whose pages lie here."""
    mark = CACHE / "company"
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(_named(data), "utf-8")


def _named(data: Path) -> str:
    """A company's folder as seen from the project, so that a project moved or copied knows it."""
    return os.path.relpath(Path(data).resolve())


def bundle() -> Path:
    """The one script that draws every chart, made once and copied beside the pages."""
    import vl_convert

    kept = CACHE / f"charts-{vl_convert.__version__}.js"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(f"(function(){{{vl_convert.javascript_bundle()}}})();", "utf-8")
    target = ASSETS / BUNDLE
    if not target.exists() or target.stat().st_size != kept.stat().st_size:
        shutil.copyfile(kept, target)
    return target


def render(root: Path, renderer: str = "auto") -> Rendered:
    """Build the site from the pages as they are, into `_site`.

    `renderer` is auto (Quarto where one is found), quarto or embedded. SiteError when it fails; the
    last good site stays then.
    """
    bundle()
    quarto = quarto_program()
    if renderer == "quarto" and not quarto:
        raise SiteError("No quarto is found. Install it, or leave RENDERER at embedded.")
    with tempfile.TemporaryDirectory(prefix=".site-", dir=root) as place:
        output = Path(place) / "site"
        if quarto and renderer != "embedded":
            rendered = _with_quarto(quarto, root, output)
        else:
            rendered = _embedded(root, output)
        _no_foreign_fonts(output)
        _swap(output, root / OUTPUT)
    return rendered


def quarto_program() -> str | None:
    """Where a quarto is: on the PATH, or from the quarto-cli package; None without one."""
    beside = Path(sys.executable).with_name("quarto")
    return shutil.which("quarto") or (str(beside) if beside.exists() else None)


def _with_quarto(quarto: str, root: Path, output: Path) -> Rendered:
    inside = os.path.relpath(output, root)
    done = subprocess.run(
        [quarto, "render", str(root), "--output-dir", inside, "--no-clean"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SiteError(f"quarto render failed: {done.stderr.strip()[-2000:]}")
    pages = len(list(output.rglob("*.html")))
    return Rendered(pages, [], root / OUTPUT, "quarto")


def _embedded(root: Path, output: Path) -> Rendered:
    """The site by smalldocs, in this process."""
    from smalldocs.config import BuildError, load
    from smalldocs.site import Site

    try:
        site = Site(load(root), quiet=True)
        site.out = output
        pages = site.build()
    except (BuildError, OSError) as problem:
        raise SiteError(f"The embedded renderer failed: {problem}") from problem
    problems = [w for w in site.warnings if not any(known in w for known in FOR_QUARTO)]
    return Rendered(pages, problems, root / OUTPUT, "the embedded renderer")


FOREIGN_IMPORT = re.compile(
    r"""@import\s*(?:url\(\s*(["']?)(?:https?:)?//.*?\1\s*\)|(["'])(?:https?:)?//.*?\2)[^;{}]*;?"""
)
FOREIGN_URL = re.compile(r"""url\(\s*(["']?)(?:https?:)?//.*?\1\s*\)""")


def _no_foreign_fonts(output: Path) -> None:
    """Take what other hosts would be asked for out of the built style sheets.

    An address may hold semicolons, so an import ends where its url() does.
    """
    for path in output.rglob("*.css"):
        css = path.read_text("utf-8")
        kept = FOREIGN_URL.sub("url(data:,)", FOREIGN_IMPORT.sub("", css))
        if kept != css:
            path.write_text(kept, "utf-8")


def _swap(new: Path, old: Path) -> None:
    """Put the new site in the old one's place; the old one comes back when that fails."""
    if not (new / "index.html").exists():
        raise SiteError("The renderer made no index.html; the last good site stays.")
    gone = new.with_name("gone")
    if old.exists():
        old.replace(gone)
    try:
        new.replace(old)
    except OSError:
        if gone.exists():
            gone.replace(old)
        raise


def serve(port: int = 8642) -> None:
    """Serve the built site to this machine alone, until interrupted; SiteError without one."""
    if not (OUTPUT / "index.html").exists():
        raise SiteError(f"{OUTPUT} is not there yet: make weekly builds it, then serve it.")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(OUTPUT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{port}")  # noqa: T201
        server.serve_forever()
