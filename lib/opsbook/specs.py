"""The spec tests as a reference manual: each test a sentence, what it draws a table.

`tests/runbook/` is read, never run: what a page shows is what the tests hold. A test's name is its
sentence; the values it is run with, the data it draws and what must hold then are its table. It
belongs to the clauses that its own docstring or those of the library's functions it calls name,
else to all that its module names.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from opsbook.clauses import Drawing, Example, Spec, cited

FOLDER = Path("tests/runbook")
MOMENTS = ("when", "at")
"""Fixtures that only read a moment: it stands where it is used."""
MANY, WEEK = 6, 7
"""So many equal cells in a row, or two equal weeks, are counted instead of repeated."""
ZONE = re.compile(r"[A-Z]\w+/[A-Z]\w+")
WRITTEN = {
    "ai": "AI", "sd": "SD", "eur": "EUR", "utc": "UTC", "ceo": "CEO", "dst": "DST", "api": "API",
    "monday": "Monday", "friday": "Friday", "saturday": "Saturday", "sunday": "Sunday",
    "companys": "company's", "days'": "days'",
} | {f"{k}{n}": f"{k.upper()}{n}" for k in "pr" for n in range(1, 15)}  # fmt: skip
"""Words of a test's name as people write them."""


def project_folder() -> Path:
    """The folder of spec tests: of the project one stands in, else of the library's own."""
    tops = (Path.cwd(), *Path.cwd().parents, Path(__file__).parents[2])
    return next((t / FOLDER for t in tops if (t / FOLDER).is_dir()), FOLDER)


def read(folder: Path) -> list[Spec]:
    """What the spec tests of a folder say, one Spec per module in their names' order.

    Empty where there is no such folder, as beside an installed library. SyntaxError when a module
    is no Python: then its tests do not run either.
    """
    shared = _fixtures(_parsed(folder / "conftest.py")) if folder.is_dir() else {}
    return [_spec(path.stem, _parsed(path), shared) for path in sorted(folder.glob("test_*.py"))]


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8") if path.exists() else "", str(path))


def _spec(name: str, module: ast.Module, shared: dict[str, str]) -> Spec:
    head, _, subject = (ast.get_docstring(module) or name).partition(": ")
    found = Module.of(module, shared)
    return Spec(
        module=name,
        subject=_line(subject or head),
        clauses=cited((ast.get_docstring(module) or "").partition("\n\n")[0]),
        legend={n: doc for n, doc in found.told().items() if n in found.drawn_with()},
        examples=tuple(
            Example(_sentence(t.name), found.clauses(t), tuple(_drawings(t, found)))
            for t in found.tests
        ),
    )


def _fixtures(module: ast.Module) -> dict[str, str]:
    """Each fixture's name and the first sentence that says how it draws."""
    marked = [
        f
        for f in module.body
        if isinstance(f, ast.FunctionDef)
        and "fixture" in " ".join(map(ast.unparse, f.decorator_list))
    ]
    return {f.name: _opening(f) for f in marked}


def _opening(function: ast.FunctionDef) -> str:
    """The first paragraph of a function's docstring."""
    return _line((ast.get_docstring(function) or "").partition("\n\n")[0])


def _line(words: str) -> str:
    return " ".join(words.split())


@dataclass(frozen=True)
class Module:
    """A module of spec tests: its tests, helpers and plain values, and what it draws with."""

    tests: list[ast.FunctionDef]
    helpers: dict[str, ast.FunctionDef]
    values: dict[str, object]
    fixtures: dict[str, str]
    library: dict[str, str] = field(default_factory=dict)
    named: tuple[str, ...] = ()

    @classmethod
    def of(cls, module: ast.Module, shared: dict[str, str]) -> "Module":
        """What a parsed module holds; `shared` are the fixtures of conftest.py."""
        functions = [f for f in ast.walk(module) if isinstance(f, ast.FunctionDef)]
        fixtures, values = _fixtures(module), {}
        for node in module.body:
            values |= _assigned(node, values)
        return cls(
            tests=[f for f in functions if f.name.startswith("test_")],
            helpers={f.name: f for f in module.body if isinstance(f, ast.FunctionDef)},
            values=values,
            fixtures=shared | fixtures,
            library=dict(_imported(module)),
            named=cited((ast.get_docstring(module) or "").partition("\n\n")[0]),
        )

    def drawn_with(self) -> set[str]:
        """The fixtures and helpers that any test draws with."""
        calls = (c for t in self.tests for c in ast.walk(t) if self.draws(c))
        return {c.func.id for c in calls}

    def told(self) -> dict[str, str]:
        """What fixtures and helpers say of themselves, in a sentence."""
        helpers = {n: _opening(f) for n, f in self.helpers.items()}
        return {n: said for n, said in (helpers | self.fixtures).items() if said}

    def draws(self, node: ast.AST) -> bool:
        """Whether a node hands data to a fixture, or words to a helper, that draws."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
            return False
        name = node.func.id
        if name in self.fixtures:
            return name not in MOMENTS
        first = node.args[0]
        words = isinstance(first, ast.Starred) or _is_text(first, self.values)
        return name in self.helpers and words

    def clauses(self, test: ast.FunctionDef) -> tuple[str, ...]:
        """The module's clauses that a test's docstring, else the functions it calls, name."""
        told = ast.get_docstring(test) or " ".join(self._docstrings(test, set()))
        return tuple(c for c in self.named if c in cited(told)) or self.named

    def _docstrings(self, function: ast.FunctionDef, seen: set[str]) -> Iterator[str]:
        for name in {n.id for n in ast.walk(function) if isinstance(n, ast.Name)} - seen:
            seen.add(name)
            if name in self.library:
                said = getattr(import_module(self.library[name]), name).__doc__ or ""
                yield from re.findall(r"Clauses? [^.;:]*", said)
            elif name in self.helpers and not name.startswith("test_"):
                yield from self._docstrings(self.helpers[name], seen)


def _imported(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("opsbook."):
            yield from ((a.asname or a.name, node.module) for a in node.names if not a.asname)


def _sentence(name: str) -> str:
    words = [WRITTEN.get(w, w) for w in name.removeprefix("test_").split("_")]
    words[0] = words[0][:1].upper() + words[0][1:]
    return " ".join(words).replace("AI lead", "AI Lead") + "."


# What a test draws


def _drawings(test: ast.FunctionDef, module: Module) -> Iterator[Drawing]:
    """The values a test is run with, then what it draws and what must hold."""
    arguments: list[str] = []
    for call in _marks(test):
        drawn = _parametrized(call, module.values)
        if drawn:
            arguments += drawn.heads
            yield drawn
    steps = [s for s in _steps(test, module, arguments) if any(s)]
    if arguments:
        drawn = dict.fromkeys(d for d, _ in steps if _adds(d, arguments))
        yield from [Drawing(("drawn",), tuple((d,) for d in drawn))] if drawn else []
    elif any(d for d, _ in steps):
        yield Drawing(("drawn", "holds"), tuple(steps))
    elif steps:
        yield Drawing(("holds",), tuple((h,) for _, h in steps))


def _adds(drawn: str, arguments: list[str]) -> bool:
    """Whether a drawing shows more than the arguments that the table holds already."""
    return bool(re.sub("|".join(rf"\{{{a}\}}" for a in arguments), "", drawn).strip())


def _marks(test: ast.FunctionDef) -> Iterator[ast.Call]:
    for mark in reversed(test.decorator_list):
        if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith("parametrize"):
            yield mark


def _parametrized(call: ast.Call, values: dict[str, object]) -> Drawing | None:
    """The table of a parametrize mark; None where its values are made by code."""
    if len(call.args) < 2 or not isinstance(call.args[1], ast.List | ast.Tuple):
        return None
    names = _value(call.args[0], values)
    heads = tuple(re.split(r"\s*,\s*", names) if isinstance(names, str) else map(str, names))
    told = next((k.value for k in call.keywords if k.arg == "ids"), None)
    ids = [ast.unparse(i) for i in told.elts] if isinstance(told, ast.List) else []
    rows = [_cells(node, len(heads), values) for node in call.args[1].elts]
    if ids and len(ids) == len(rows):
        rows = [(*row, name.strip("'\"")) for row, name in zip(rows, ids, strict=True)]
    elif any(len(row) > len(heads) for row in rows):
        rows = [(*row, "")[: len(heads) + 1] for row in rows]
    named = bool(rows) and len(rows[0]) > len(heads)
    return Drawing((*heads, "case") if named else heads, tuple(rows))


def _cells(node: ast.expr, width: int, values: dict[str, object]) -> tuple[str, ...]:
    """A row of a parametrize mark, one cell per argument, then the id of a `pytest.param`."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("param"):
        told = next((k.value for k in node.keywords if k.arg == "id"), None)
        name = [str(_value(told, values))] if told is not None else []
        return (*(_shown(a, values) for a in node.args), *name)
    if width > 1 and isinstance(node, ast.Tuple | ast.List):
        return tuple(_shown(n, values) for n in node.elts)
    return (_shown(node, values),)


def _steps(
    test: ast.FunctionDef, module: Module, arguments: list[str]
) -> Iterator[tuple[str, str]]:
    """What is drawn and what must hold then; what holds of one drawing stands together."""
    values = module.values | {a: "{" + a + "}" for a in arguments}
    drawn, holds = [], []
    for statement in _flat(test.body):
        fresh = [*_listed(statement, values), *_called(statement, module, values)]
        if fresh and holds:
            yield _without_repeats(drawn), "\n".join(holds)
            drawn, holds = [], []
        drawn += fresh
        values |= _assigned(statement, values)
        if isinstance(statement, ast.Assert):
            holds.append(_condition(statement.test, module))
        elif refused := _refused(statement):
            holds.append(refused)
    yield _without_repeats(drawn), "\n".join(holds)


def _called(statement: ast.stmt, module: Module, values: dict[str, object]) -> list[str]:
    return [_drawn(call, values) for call in _outermost(statement, module)]


def _without_repeats(drawn: list[str]) -> str:
    """Drawings one below the other, without those that another one holds already."""
    apart = {re.sub(r"(?m)^ +", "", d): d for d in drawn if d}
    return "\n".join(d for bare, d in apart.items() if not _inside(bare, apart))


def _inside(bare: str, others: Iterable[str]) -> bool:
    return any(bare in o and bare != o for o in others)


def _condition(test: ast.expr, module: Module) -> str:
    """What an assertion says, each drawing in it as its fixture's name."""
    bare = ast.unparse(_Bare(module).visit(_copy(test)))
    return re.sub(r"== pytest\.approx\(([^()]*)\)", r"≈ \1", bare)


def _copy(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


def _refused(statement: ast.stmt) -> str:
    """The error that `pytest.raises` waits for, with its words; else nothing."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="raises")) as call):
            words = [ast.unparse(k.value) for k in call.keywords if k.arg == "match"]
            return " ".join([ast.unparse(call.args[0]), *words])
    return ""


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """A test's statements in order, those of its blocks before the head of a `with`."""
    for statement in body:
        if isinstance(statement, ast.For | ast.With):
            yield from _flat(statement.body)
        if isinstance(statement, ast.With):
            yield from (ast.Expr(item.context_expr) for item in statement.items)
        elif not isinstance(statement, ast.For):
            yield statement


def _outermost(statement: ast.stmt, module: Module) -> Iterator[ast.Call]:
    """The calls of a statement that draw, without those inside of another."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop(0)
        if module.draws(node):
            yield node
        else:
            waiting = [*ast.iter_child_nodes(node), *waiting]


class _Bare(ast.NodeTransformer):
    """Replaces a call that draws by the fixture's name: what it draws stands beside."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """The name alone where the call draws."""
        return node.func if self.module.draws(node) else self.generic_visit(node)


def _drawn(call: ast.Call, values: dict[str, object]) -> str:
    """What a call draws, one argument per line; arguments made by code are left out."""
    named = [(f"{k.arg} = ", k.value) for k in call.keywords]
    shown = [
        name + _text(_value(part, values))
        for name, part in [*(("", _bare(part)) for part in call.args), *named]
        if _is_plain(part, values)
    ]
    return "\n".join(shown)


def _bare(part: ast.expr) -> ast.expr:
    """An argument without the star before it."""
    return part.value if isinstance(part, ast.Starred) else part


def _is_plain(node: ast.expr, values: dict[str, object]) -> bool:
    try:
        value = _value(node, values)
        return value not in ("", [], None) and not ZONE.fullmatch(str(value))
    except LookupError:
        return False


def _is_text(node: ast.expr, values: dict[str, object]) -> bool:
    return _is_plain(node, values) and isinstance(_value(node, values), str)


def _listed(statement: ast.stmt, values: dict[str, object]) -> list[str]:
    """Rows that a statement gives a name: a list of tuples is data, drawn."""
    found = _assigned(statement, values).values()
    return [_text(v) for v in found if isinstance(v, list) and v and isinstance(v[0], list)]


def _text(value: object) -> str:
    """A value as a drawing shows it: a row per line, its cells side by side."""
    if isinstance(value, list):
        rows = [_text(v) for v in value]
        if not any(isinstance(v, list) for v in value):
            return "  ".join(rows)
        inside = "\n" if all(isinstance(v, list) for v in value) else "\n  "
        return inside.join(r.replace("\n", inside) for r in rows)
    return _counted(value) if isinstance(value, str) else str(value)


def _counted(drawn: str) -> str:
    """A drawing in which cells that repeat are counted.

    >>> _counted("10x50 10x50 10x50 10x50 10x50 10x50 20x50")
    '10x50 (6 times) 20x50'
    >>> _counted("20 20 20 20 20 2 2 20 20 20 20 20 2 2 60")
    '[20 20 20 20 20 2 2] (2 times) 60'
    """
    if "\n" in drawn.strip():
        lines = [line for line in drawn.splitlines() if line.strip()]
        indent = min(len(line) - len(line.lstrip()) for line in lines)
        return "\n".join(line[indent:].rstrip() for line in lines)
    return " ".join(_folded(drawn.split()))


def _folded(cells: list[str]) -> Iterator[str]:
    """Cells with what repeats folded, weeks first and then days."""
    while cells:
        width, times = max(_repeats(cells), key=lambda r: (r[0] * (r[1] - 1), -r[0]))
        part = cells[:width]
        folded = times >= MANY or (width > 1 and width * times >= 2 * WEEK)
        if folded and width > 1:
            yield f"[{' '.join(_folded(part))}] ({times} times)"
        elif folded:
            yield f"{part[0]} ({times} times)"
        else:
            width, times = 1, 1
            yield part[0]
        cells = cells[width * times :]


def _repeats(cells: list[str]) -> Iterator[tuple[int, int]]:
    """How wide a part the cells begin with, and how often it stands there in a row."""
    for width in range(1, WEEK + 1):
        times = 1
        while cells[width * times : width * (times + 1)] == cells[:width]:
            times += 1
        yield width, times


def _shown(node: ast.expr, values: dict[str, object]) -> str:
    """A cell's text: its value where it is plain, else its code."""
    try:
        value = _value(node, values)
    except LookupError:
        return ast.unparse(node)
    words = {True: "yes", False: "no"}
    return words[value] if isinstance(value, bool) else "-" if value is None else _text(value)


def _assigned(node: ast.stmt, values: dict[str, object]) -> dict[str, object]:
    """The name that an assignment gives a plain value, and that value."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name | ast.Tuple):
        return {}
    try:
        value = _value(node.value, values)
    except LookupError:
        return {}
    target = node.targets[0]
    if isinstance(target, ast.Name):
        return {target.id: value}
    names = [t.id for t in target.elts if isinstance(t, ast.Name)]
    return dict(zip(names, value, strict=False)) if isinstance(value, list) else {}


def _value(node: ast.expr, values: dict[str, object]) -> object:
    """A plain value: words, figures, lists of them, and what names of such values add up to.

    Tuples come as lists. LookupError for anything that would have to be run.
    """
    match node:
        case ast.Constant():
            return node.value
        case ast.Name() if node.id in values:
            return values[node.id]
        case ast.JoinedStr():
            return "".join(str(_value(part, values)) for part in node.values)
        case ast.FormattedValue():
            return _value(node.value, values)
        case ast.Tuple() | ast.List():
            return [v for part in node.elts for v in _items(part, values)]
        case ast.UnaryOp(op=ast.USub()):
            return f"-{_value(node.operand, values)}"
        case ast.BinOp(op=ast.Add()):
            return _together(_value(node.left, values), _value(node.right, values))
        case ast.BinOp(op=ast.Mult()):
            return _times(_value(node.left, values), _value(node.right, values))
        case ast.Call(func=ast.Name(id="when"), args=[moment]):
            return _value(moment, values)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="join")):
            return node.func.value.value.join(map(str, _value(node.args[0], values)))
    raise LookupError(ast.unparse(node))


def _items(part: ast.expr, values: dict[str, object]) -> list[object]:
    if isinstance(part, ast.Starred):
        inner = _value(part.value, values)
        return inner if isinstance(inner, list) else [inner]
    return [_value(part, values)]


def _together(left: object, right: object) -> object:
    if isinstance(left, list) and isinstance(right, list):
        return left + right
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    raise LookupError("+")


def _times(left: object, right: object) -> object:
    many, what = (left, right) if isinstance(left, int) else (right, left)
    if isinstance(many, int) and isinstance(what, str | list):
        return what * many
    raise LookupError("*")
