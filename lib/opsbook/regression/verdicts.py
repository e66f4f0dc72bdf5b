"""What one version does that the other did not, case by case, and what follows for the list.

Ten cases carry no significance test: the list is a contract. A case is LOST when most of its
answers fail, after a failing case has been asked again (confirm on fail); statistics state what so
few cases cannot show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import beta

from opsbook.regression.cases import FAIL, PASS, WAITING, Answer, Case, Checked
from opsbook.regression.grammar import Check, checked, understood

SAME, LOST, GAINED, UNSTABLE = "SAME", "LOST", "GAINED", "UNSTABLE"
BROKEN, ERROR, WAITS, MISSING = "BROKEN-BEFORE", "ERROR", "WAITING", "MISSING"
GO, LOOK, HOLD = "GO", "LOOK", "HOLD"
LOST_HOLDS = 2
"""So many lost cases hold an update back; a critical one does alone."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Tally:
    """What the checks said of the answers to one case: how many passed, failed, wait, or erred."""

    passes: int = 0
    fails: int = 0
    waiting: int = 0
    errors: int = 0
    failed: tuple[Checked, ...] = ()

    @property
    def of(self) -> int:
        """Answers that were judged."""
        return self.passes + self.fails

    def lost(self, case: Case) -> bool:
        """Whether the case fails: most answers do, or fewer pass than the list asks for."""
        if not self.of:
            return False
        if case.must_pass is not None:
            return self.passes * case.repeats < case.must_pass * self.of
        return self.fails * 2 > self.of


@dataclass(frozen=True)
class CaseVerdict:
    """One case: its verdict, passes of the answers judged, before too, and each failed check."""

    id: str
    verdict: str
    passes: int
    of: int
    before: Tally | None
    failed: tuple[Checked, ...]
    critical: bool
    why: str

    def as_json(self) -> dict:
        """The case as a command prints it."""
        checks = [{"check": c.check, "why": c.why} for c in self.failed]
        return {
            "id": self.id, "verdict": self.verdict, "passes": self.passes, "of": self.of,
            "failed_checks": checks, "critical": self.critical, "why": self.why,
        }  # fmt: skip


@dataclass(frozen=True)
class ListVerdict:
    """The whole list: GO, LOOK or HOLD, with its reasons and what so few cases cannot show."""

    verdict: str
    reasons: tuple[str, ...]
    limit: str
    cases: tuple[CaseVerdict, ...]

    def as_json(self) -> dict:
        """The list as a command prints it."""
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "limit": self.limit,
            "cases": [case.as_json() for case in self.cases],
        }


def tally(
    case: Case,
    answers: Sequence[Answer],
    approved: Sequence[Answer] = (),
    said: Mapping[tuple[str, int], bool] | None = None,
) -> Tally:
    """The answers to one case, judged. `said` holds what a person said, by case and repeat."""
    checks = [understood(typed, case.language, cell) for cell, typed in case.checks]
    states, failed = [], []
    for answer in answers:
        state, found = _state(checks, answer, case, approved, said or {})
        states.append(state)
        failed.extend(found)
    unique = {f.check: f for f in reversed(failed)}
    return Tally(
        states.count(PASS), states.count(FAIL), states.count(WAITING), states.count("error"),
        tuple(unique[c] for c in dict.fromkeys(f.check for f in failed)),
    )  # fmt: skip


def _state(
    checks: list[Check],
    answer: Answer,
    case: Case,
    approved: Sequence[Answer],
    said: Mapping[tuple[str, int], bool],
) -> tuple[str, list[Checked]]:
    if answer.text is None and not answer.refusal:
        return "error", []
    found = [_settled(c, answer, said) for c in checked(checks, answer, case, approved)]
    failed = [c for c in found if c.state == FAIL]
    if failed:
        return FAIL, failed
    return (WAITING if any(c.state == WAITING for c in found) else PASS), []


def _settled(found: Checked, answer: Answer, said: Mapping[tuple[str, int], bool]) -> Checked:
    word = said.get((answer.case, answer.repeat))
    if found.state != WAITING or word is None:
        return found
    return Checked(found.check, PASS if word else FAIL, f"a person said {'yes' if word else 'no'}")


def case_verdict(case: Case, now: Tally, before: Tally | None) -> CaseVerdict:
    """What became of one case; without an approved run every case is expected to pass."""
    verdict, why = _verdict(case, now, before)
    return CaseVerdict(case.id, verdict, now.passes, now.of, before, now.failed, case.critical, why)


def _verdict(case: Case, now: Tally, before: Tally | None) -> tuple[str, str]:
    score = f"{now.passes} of {now.of} pass"
    said = "; ".join(f"{c.check}: {c.why}" for c in now.failed[:3])
    if now.of + now.waiting + now.errors == 0:
        return MISSING, "no answer is there"
    if now.of + now.waiting == 0:
        return ERROR, f"no answer came: {now.errors} calls failed"
    if now.waiting and not now.fails:
        return WAITS, f"{now.waiting} answers wait for a person"
    was_lost = before is not None and before.lost(case)
    if now.lost(case):
        unsure = "" if now.of >= 7 or now.fails == now.of >= 4 else ", not asked again"
        return (BROKEN if was_lost else LOST), f"{score}{unsure}: {said}"
    if was_lost:
        return GAINED, f"{score}; {before.passes} of {before.of} did before"
    if now.fails:
        return UNSTABLE, f"{score}: {said}"
    return SAME, score


def list_verdict(cases: Sequence[CaseVerdict]) -> ListVerdict:
    """GO, LOOK or HOLD for a list.

    HOLD: a critical case lost, or two lost, or one missing. GO: nothing lost, missing or erred,
    none waits, no critical one unstable. LOOK: what lies between.
    """
    by = {v: [c for c in cases if c.verdict == v] for v in {c.verdict for c in cases}}
    lost, missing = by.get(LOST, []), by.get(MISSING, [])
    critical = [c for c in lost if c.critical]
    shaky = [c for c in by.get(UNSTABLE, []) if c.critical]
    reasons = [f"critical case {c.id} is lost: {c.why}" for c in critical]
    reasons += [f"case {c.id} is lost: {c.why}" for c in lost if not c.critical]
    reasons += [f"case {c.id} is missing" for c in missing]
    reasons += [f"critical case {c.id} is unstable: {c.why}" for c in shaky]
    reasons += [f"case {c.id}: {c.why}" for c in by.get(ERROR, []) + by.get(WAITS, [])]
    hold = bool(critical or len(lost) >= LOST_HOLDS or missing or not cases)
    verdict = HOLD if hold else LOOK if reasons else GO
    if not cases:
        reasons = ["the list has no enabled case"]
    kept = sum(c.verdict in (SAME, GAINED, UNSTABLE) for c in cases)
    return ListVerdict(
        verdict, tuple(reasons), limit_of(len(cases), len(cases) - kept), tuple(cases)
    )


def limit_of(cases: int, failing: int) -> str:
    """What so few cases cannot exclude: the one-sided 95 % bound of the share that fails.

    >>> limit_of(10, 0)
    '0 of 10 cases fail: this excludes only failure rates above 26 %.'
    """
    if not cases:
        return ""
    bound = 1.0 if failing == cases else float(beta.ppf(CONFIDENCE, failing + 1, cases - failing))
    told = f"{failing} of {cases} cases fail: this excludes only failure rates above"
    return f"{told} {bound * 100:.0f} %."


def compared(
    cases: Sequence[Case],
    now: Mapping[str, Sequence[Answer]],
    approved: Mapping[str, Sequence[Answer]] | None = None,
    said: Mapping[tuple[str, int], bool] | None = None,
) -> ListVerdict:
    """The list's verdict on one run's answers by case, against the approved run's."""
    found = []
    for case in cases:
        if case.enabled:
            old = (approved or {}).get(case.id, ())
            before = tally(case, old, old) if approved is not None else None
            found.append(case_verdict(case, tally(case, now.get(case.id, ()), old, said), before))
    return list_verdict(found)


def to_confirm(case: Case, answers: Sequence[Answer]) -> bool:
    """Whether a case has to be asked again: one of its first answers fails."""
    return 0 < len(answers) <= case.repeats and tally(case, answers).fails > 0
