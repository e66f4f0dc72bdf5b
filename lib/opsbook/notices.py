"""Who has still to be told of which incident: once when it opens, reopens or grows graver.

A message is entered before it is sent and again when it arrived. One that was refused is tried
again at the next check; one that was under way when a run was killed is not, because it may have
arrived: it is shown as uncertain, and a person tells by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from opsbook.events import Draft
from opsbook.register import Incident, Register
from opsbook.settings import Channel, Settings

MOST_TRIES = 48
"""Two days of hourly tries; what failed so often is a matter for a person."""


@dataclass(frozen=True)
class Notice:
    """One message: of which incident, for which of its alarms, over which channel, to whom."""

    incident: str
    alarm: int
    channel: str
    roles: tuple[str, ...]
    tries: int = 0

    @property
    def key(self) -> str:
        """What makes it one message, however often it is tried."""
        return f"{self.incident}/{self.alarm}/{self.channel}"

    def draft(self, outcome: str, problem: str = "") -> Draft:
        """It as an event: started, sent or failed."""
        told = {"notice": self.key, "channel": self.channel, "roles": list(self.roles)}
        said = {"problem": problem} if problem else {}
        return Draft(
            f"notification_{outcome}", self.incident, told | said | {"tries": self.tries + 1}
        )


def pending(register: Register, settings: Settings, now: pd.Timestamp) -> list[Notice]:
    """Messages still to be sent, gravest incident first."""
    waiting = [
        notice
        for incident in register.incidents.values()
        for notice in _of(incident, register, settings, now)
    ]
    grave = {i.id: i.priority for i in register.incidents.values()}
    return sorted(waiting, key=lambda n: (grave[n.incident], n.incident))


def unsettled(register: Register) -> list[dict]:
    """Messages that did not arrive, or may not have: incident, channel, roles, state, problem."""
    return [
        {"incident": incident.id, **notice, "state": _word(notice)}
        for incident in register.incidents.values()
        if incident.open
        for notice in incident.notices.values()
        if notice["state"] != "sent"
    ]


def _word(notice: dict) -> str:
    return "uncertain" if notice["state"] == "started" else "failed"


def _of(
    incident: Incident, register: Register, settings: Settings, now: pd.Timestamp
) -> list[Notice]:
    alarm = alarm_of(incident)
    if alarm is None or silenced(incident, register, now):
        return []
    told = [
        Notice(incident.id, alarm, c.id, _roles(c, incident))
        for c in settings.channels
        if _reaches(c, incident)
    ]
    return [_again(n, incident.notices.get(n.key)) for n in told if _waits(n, incident)]


def alarm_of(incident: Incident) -> int | None:
    """The number of an incident's latest alarm; None when nobody is to be called.

    It is the place in its history at which it was opened, reopened or given a graver class.
    """
    classes = [h["priority"] for h in incident.history]
    place = len(classes) - 1
    lowered = place > 0 and classes[place] > classes[place - 1]
    silent = incident.late or incident.priority == "P3" or not incident.open
    return None if lowered or silent else place


def silenced(incident: Incident, register: Register, now: pd.Timestamp) -> bool:
    """Whether a silence covers all workflows of an incident now."""
    active = [s for s in register.silences.values() if covers(s, now)]
    return all(
        any(s["workflow"] == w and s.get("family") in (None, incident.family) for s in active)
        for w in incident.workflows
    )


def covers(silence: dict, now: pd.Timestamp) -> bool:
    """Whether a silence is in force."""
    return pd.Timestamp(silence["from"]) <= now < pd.Timestamp(silence["to"])


def _reaches(channel: Channel, incident: Incident) -> bool:
    return incident.priority <= channel.from_priority and bool(_roles(channel, incident))


def _roles(channel: Channel, incident: Incident) -> tuple[str, ...]:
    """The roles a channel reaches that this incident calls and that do not know of it yet."""
    calls: Sequence[str] = ("AI Lead",)
    if incident.priority == "P1" and incident.external != "no":
        calls = ("AI Lead", "Founder or CEO")
    known = {role for role, at in incident.confirmed if at >= incident.history[-1]["at"]}
    return tuple(r for r in calls if r in channel.roles and r not in known)


def _waits(notice: Notice, incident: Incident) -> bool:
    known = incident.notices.get(notice.key)
    return known is None or (known["state"] == "failed" and known["tries"] < MOST_TRIES)


def _again(notice: Notice, known: dict | None) -> Notice:
    tries = known["tries"] if known else 0
    return Notice(notice.incident, notice.alarm, notice.channel, notice.roles, tries)
