"""The agendas of the three reviews: their sections in order, with the minutes each may take.

Clauses E1 to E3: half an hour, an hour, and an hour and a half.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One section of a review: its short name, its title and its minutes."""

    key: str
    title: str
    minutes: int


AGENDAS = {
    "weekly": (
        Item("data", "Data and records", 2),
        Item("actions", "Carried actions", 3),
        Item("cost", "Cost against baseline", 6),
        Item("errors", "Error rates", 5),
        Item("minor", "P3, near misses", 5),
        Item("ran", "Did every workflow run", 4),
        Item("open", "Open P1 and P2", 3),
        Item("sign-off", "Decisions and sign-off", 2),
    ),
    "monthly": (
        Item("data", "Data and actions", 3),
        Item("categories", "The four categories", 15),
        Item("vendors", "Vendor notices", 10),
        Item("lists", "Regression lists", 10),
        Item("baselines", "Cost baselines", 8),
        Item("causes", "Root causes of P1 and P2", 10),
        Item("sign-off", "Decisions and sign-off", 4),
    ),
    "quarterly": (
        Item("actions", "Carried actions", 5),
        Item("updates", "Update schedule", 20),
        Item("contracts", "Contracts", 20),
        Item("portfolio", "Portfolio", 20),
        Item("ai-act", "EU AI Act", 20),
        Item("sign-off", "Process health and sign-off", 5),
    ),
}
"""The sections of each kind of review."""
TITLES = {
    "weekly": "Weekly review", "monthly": "Monthly review", "quarterly": "Quarterly review",
}  # fmt: skip
PRESENT = {
    "weekly": ("AI Lead",),
    "monthly": ("AI Lead", "Operations"),
    "quarterly": ("AI Lead", "Founder or CEO"),
}
"""The roles a review cannot be held without; a deputy may stand in for the AI Lead."""
HIGHER = {"weekly": "monthly", "monthly": "quarterly"}
"""The next higher review."""


def item(kind: str, key: str) -> tuple[int, Item]:
    """A section's number, from 1, and the section itself."""
    return next((n, i) for n, i in enumerate(AGENDAS[kind], start=1) if i.key == key)


def minutes(kind: str) -> int:
    """How long a review of a kind takes."""
    return sum(i.minutes for i in AGENDAS[kind])
