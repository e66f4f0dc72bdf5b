"""Write the demo's register.xlsx, where there is none: what its people keep beside the record.

    python data/demo/books.py

The sheet Reports stays empty. Dates, prices, vendors' announcements and everything else in it are
made up; no notice below was ever given. The file is then edited in Excel like any other.
"""

import datetime as dt
from pathlib import Path

from opsbook import registerbooks, spreadsheets, store
from opsbook.registers import SHEETS

HERE = Path(__file__).parent
MADE_UP = "made up for the demo"
LEAD, FOUNDER, OPERATIONS = "AI Lead", "Founder or CEO", "Operations"
MAIL, CHAT, INVOICES, NOTES, REVIEW, DIGEST = (
    "Customer mail drafts", "Support chat", "Invoice extraction", "Meeting notes", "Code review",
    "Weekly sales digest",
)  # fmt: skip


def day(text):
    return dt.datetime.fromisoformat(text) if text else None


NOTICES = [
    {"id": "N-1", "vendor": "OpenAI", "kind": "model",
     "what": "gpt-4o answers from the snapshot of 2024-11-20 instead of 2024-08-06, same price",
     "model_now": "gpt-4o-2024-08-06", "model_new": "gpt-4o-2024-11-20",
     "announced_on": "2026-10-19", "effective_on": "2026-11-02", "workflows": MAIL,
     "decision": "accept", "decided_on": "2026-10-26", "live_on": "2026-11-02",
     "run": "2026-11-09-large-1",
     "overruled": "The vendor moved the name by itself; the list ran a week later",
     "rollback": "Name the dated snapshot 2024-08-06 in the request"},
    {"id": "N-2", "vendor": "Anthropic", "kind": "model",
     "what": "A successor of the small model; answers may be laid out differently",
     "model_now": "claude-haiku-4-5-20251001", "model_new": "large-2",
     "announced_on": "2026-11-12", "effective_on": "2026-12-14", "workflows": INVOICES,
     "decision": "plan", "decided_on": "2026-11-16", "run": "2026-11-23-large-2",
     "rollback": "Set the model's name back in the gateway; takes five minutes"},
    {"id": "N-3", "vendor": "OpenAI", "kind": "model",
     "what": "A successor of gpt-4o, to be chosen by name",
     "model_now": "gpt-4o-2024-11-20", "model_new": "large-2",
     "announced_on": "2026-11-16", "effective_on": "2027-01-11", "workflows": MAIL,
     "decision": "open", "run": "2026-11-23-large-2"},
    {"id": "N-4", "vendor": "Anthropic", "kind": "price",
     "what": "Cached input costs a fifth more", "model_now": "claude-sonnet-4-6",
     "announced_on": "2026-11-09", "effective_on": "2027-01-01", "workflows": REVIEW},
    {"id": "N-5", "vendor": "Donau Cloud", "kind": "sub-processors",
     "what": "A further sub-processor for support cases, seat in the EU",
     "announced_on": "2026-11-04", "effective_on": "2026-12-04",
     "decision": "accept", "decided_on": "2026-11-09"},
    {"id": "N-6", "vendor": "Mistral", "kind": "end of life",
     "what": "The model is switched off; calls to it fail from that day",
     "model_now": "mistral-small-2603", "announced_on": "2026-10-30",
     "effective_on": "2027-01-31", "workflows": NOTES},
    {"id": "N-7", "vendor": "Donau Cloud", "kind": "terms",
     "what": "Service credits are given on request only", "announced_on": "2026-10-05",
     "effective_on": "2026-11-01", "decision": "not affected", "decided_on": "2026-10-12"},
]  # fmt: skip
CONTRACTS = [
    {"id": "C-1", "vendor": "Donau Cloud", "what": "Model access, invoices once a month",
     "starts_on": "2025-01-01", "ends_on": "2026-12-31", "notice_months": 1, "renews_months": 12,
     "price_year": 3600, "dpa_on": "2025-01-08", "subprocessors_on": "2026-11-09",
     "sla": "99.5 % a month, credits on request", "retention_days": 30, "trains_on_data": "no",
     "owner": LEAD, "checked_on": "2026-08-24"},
    {"id": "C-2", "vendor": "Grazer IT-Haus", "what": "Gateway: hosting and operation",
     "starts_on": "2026-03-01", "ends_on": "2027-02-28", "notice_months": 2, "renews_months": 12,
     "price_year": 2880, "dpa_on": "2026-02-20", "subprocessors_on": "2026-08-24",
     "sla": "Answer in four business hours", "retention_days": 90, "trains_on_data": "no",
     "owner": "Head of engineering", "checked_on": "2026-08-24"},
    {"id": "C-3", "vendor": "Mur Chat", "what": "Chat window on the website",
     "starts_on": "2025-01-01", "ends_on": "2026-12-31", "notice_months": 3, "renews_months": 12,
     "price_year": 1440, "dpa_on": "2025-01-15", "subprocessors_on": "2025-01-15",
     "sla": "None", "retention_days": 180, "trains_on_data": "no", "owner": "Head of support",
     "checked_on": "2025-11-10", "note": "Nobody looked at it before its notice date."},
    {"id": "C-4", "vendor": "Protokoll-App", "what": "Recording and notes of meetings",
     "starts_on": "2026-05-01", "notice_months": 1, "price_year": 720,
     "trains_on_data": "unknown", "owner": "Office manager", "checked_on": "2026-05-04",
     "note": "Runs on from month to month."},
    {"id": "C-5", "vendor": "Spurwerk", "what": "Tracing of calls", "starts_on": "2026-07-01",
     "ends_on": "2027-06-30", "notice_months": 3, "price_year": 1200, "dpa_on": "2026-06-24",
     "subprocessors_on": "2026-06-24", "sla": "99 % a month", "retention_days": 183,
     "trains_on_data": "no", "owner": LEAD, "checked_on": "2026-08-24"},
]  # fmt: skip
ACTIONS = [
    ("T-1", "Give every key a monthly budget, the next hackathon's first", "Head of engineering",
     "2026-11-06", "prevent", "", "done"),
    ("T-2", "Ask the scanner's maker for text instead of full-page pictures", "Head of accounting",
     "2026-11-27", "prevent", INVOICES, "open"),
    ("T-3", "Write down how the office answers mail when no draft comes", "Head of sales office",
     "2026-11-13", "mitigate", MAIL, "open"),
    ("T-4", "Alert when the Monday digest has not run by ten", LEAD, "2026-12-04", "detect", DIGEST,
     "open"),
    ("T-5", "Try the hand-over from the chat to a person once a month", "Head of support",
     "2026-12-11", "process", CHAT, "open"),
    ("T-6", "Ask the maker of the notes whether it trains on what is said", "Office manager",
     "2026-12-18", "process", NOTES, "open"),
]  # fmt: skip
VALUE = [
    (MAIL, 14, 42, None, "Two people timed for a week in September", "keep",
     "Saves a third of the office's time for mail", "2026-09-28"),
    (CHAT, 9, 38, None, "Chats that ended without a person, times four minutes", "keep",
     "Answers at night too", "2026-09-28"),
    (INVOICES, 11, 40, None, "Keyed by hand before: six minutes an invoice", "change",
     "Scans make a run dearer; ask for text, else another model", "2026-11-20"),
    (NOTES, 2, 45, None, "Asked in the office", "keep", "Cheap; the end of its model is near",
     "2026-09-28"),
    (REVIEW, 4, 55, None, "Asked in engineering; comments taken over", "keep",
     "Findings before release", "2026-09-28"),
    (DIGEST, 0.25, 45, None, "Opened by one of five readers", "retire",
     "A saved query tells the same", "2026-11-16"),
]  # fmt: skip
LEAD_HOURS = [
    ("2026-09-28", 2.5), ("2026-10-05", 3.5), ("2026-10-12", 3), ("2026-10-19", 4),
    ("2026-10-27", 4.5), ("2026-11-02", 4), ("2026-11-09", 5), ("2026-11-16", 4.5),
]  # fmt: skip
BY_HAND = [
    ("2026-10-07", INVOICES, 3.5, "Invoices of the afternoon keyed in by hand"),
    ("2026-10-20", MAIL, 4, "The office wrote urgent mails itself"),
    ("2026-10-29", REVIEW, 2, "Reviewed without comments of the model"),
    ("2026-11-05", MAIL, 6, "No draft all day"),
    ("2026-11-09", DIGEST, 0.5, "Figures sent by hand"),
    ("2026-11-12", CHAT, 2.5, "Support answered the chat"),
    ("2026-11-19", INVOICES, 1.5, "Dearest scans keyed in by hand"),
]  # fmt: skip
SYSTEMS = [
    {"workflow": MAIL, "vendor": "OpenAI", "model": "gpt-4o-2024-11-20", "role": "deployer",
     "purpose": "Drafts of answers to customers' mail", "risk": "minimal",
     "reasons": "A person reads and sends every mail; no decision about a person",
     "screened_on": "2026-09-07", "reviewer": LEAD, "prohibited_on": "2026-09-07",
     "publishes": "no", "instructions": "Vendor's guide, 2026-06", "instructions_on": "2026-09-07",
     "may_stop": "Head of sales office", "drill_on": "2026-06-15",
     "informed": "Notice to staff, version 2", "informed_on": "2026-06-22"},
    {"workflow": CHAT, "vendor": "Anthropic", "model": "claude-haiku-4-5-20251001",
     "role": "deployer", "purpose": "Answers to questions on the website", "risk": "limited",
     "reasons": "Talks to people directly: Art. 50(1); no decision about a person",
     "screened_on": "2026-09-07", "reviewer": LEAD, "prohibited_on": "2026-09-07",
     "notice_text": "You are writing with a computer program (AI). Type \"person\" and one of us "
     "answers.", "notice_on": "2026-11-16", "publishes": "no",
     "instructions": "Vendor's guide, 2026-05", "instructions_on": "2026-09-07",
     "may_stop": "Head of support", "drill_on": "2026-09-14",
     "informed": "Notice to staff, version 2", "informed_on": "2026-06-22"},
    {"workflow": INVOICES, "vendor": "Anthropic", "model": "claude-haiku-4-5-20251001",
     "role": "deployer", "purpose": "Fields of incoming invoices", "risk": "minimal",
     "reasons": "Sums are checked before booking", "screened_on": "2026-09-07", "reviewer": LEAD,
     "prohibited_on": "2026-09-07", "publishes": "no",
     "instructions": "Vendor's guide, 2026-05", "instructions_on": "2026-09-07",
     "may_stop": "Head of accounting", "drill_on": "2026-05-18",
     "informed": "Notice to staff, version 2", "informed_on": "2026-06-22"},
    {"workflow": NOTES, "vendor": "Mistral", "model": "mistral-small-2603", "role": "deployer",
     "purpose": "Notes of internal meetings", "risk": "open",
     "reasons": "To be decided: may notes be used to judge how people work?", "reviewer": LEAD,
     "prohibited_on": "2025-11-10", "publishes": "no", "may_stop": "Office manager",
     "informed": "Notice to staff, version 1", "informed_on": "2026-01-12"},
    {"workflow": REVIEW, "vendor": "Anthropic", "model": "claude-sonnet-4-6", "role": "deployer",
     "purpose": "Comments on changes of code", "risk": "minimal",
     "reasons": "Comments only; nobody's work is rated by them", "screened_on": "2026-09-07",
     "reviewer": LEAD, "prohibited_on": "2026-09-07", "publishes": "no",
     "instructions": "Vendor's guide, 2026-04", "instructions_on": "2026-09-07",
     "may_stop": "Head of engineering"},
    {"workflow": DIGEST, "vendor": "OpenAI", "model": "gpt-5.4-2026-03-05", "role": "deployer",
     "purpose": "Sales of the week in a page", "risk": "minimal", "reasons": "Figures of products",
     "screened_on": "2026-09-07", "reviewer": LEAD, "prohibited_on": "2026-09-07",
     "publishes": "no", "may_stop": "Head of sales", "drill_on": "2026-04-13"},
]  # fmt: skip
TRAINING = [
    (LEAD, "What models can and cannot do", "2026-03-09", 12, "Certificate 2026-03"),
    (LEAD, "Incidents: classes, first response, record", "2026-09-14", 12, "List of attendance"),
    (FOUNDER, "Duties of those who use AI", "2026-03-09", 12, "Certificate 2026-03"),
    (OPERATIONS, "Incidents: classes, first response, record", "2026-09-14", 12,
     "List of attendance"),
    ("Head of sales office", "What models can and cannot do", "2025-09-22", 12, "Slides 2025-09"),
    ("Head of support", "What models can and cannot do", "2026-03-09", 12, "Certificate 2026-03"),
    ("Head of accounting", "What models can and cannot do", "2026-03-16", 12, "Slides 2026-03"),
    ("Office manager", "Recording meetings: whom to ask first", "", 12, ""),
    ("Head of engineering", "Code and secrets in prompts", "2026-02-02", 12, "Slides 2026-02"),
    ("Head of sales", "What models can and cannot do", "2026-03-16", 12, "Slides 2026-03"),
]  # fmt: skip
REQUESTS = [("R-1", "2026-11-10", CHAT, "Which part of an answer came from a computer program",
             "2026-11-17")]  # fmt: skip


def keyed(sheet, rows):
    """Rows told in the order of a sheet's columns."""
    return [dict(zip(SHEETS[sheet].fields, row, strict=False)) for row in rows]


def register():
    """Every sheet's rows by field, days as Excel keeps them."""
    lead = [(at, LEAD, "", hours) for at, hours in LEAD_HOURS]
    hand = [(at, "manual fallback", work, hours, why) for at, work, hours, why in BY_HAND]
    told = {
        "notices": [n | {"source": MADE_UP} for n in NOTICES], "contracts": CONTRACTS,
        "actions": keyed("actions", ACTIONS), "value": keyed("value", VALUE),
        "hours": keyed("hours", sorted([*lead, *hand])), "systems": SYSTEMS,
        "training": keyed("training", TRAINING), "requests": keyed("requests", REQUESTS),
    }  # fmt: skip
    return {
        name: [
            {k: day(v) if SHEETS[name].fields[k].kind == "day" else v or None
             for k, v in row.items()}
            for row in rows
        ]
        for name, rows in told.items()
    }  # fmt: skip


def main():
    path = HERE / spreadsheets.NAME
    if not path.exists():
        registerbooks.make(path, store.load_settings(store.Folder.at(HERE)), register())


if __name__ == "__main__":
    main()
