"""What calls cost: the vendor's figure, the own sheet, the price table of the day, or nothing."""

import datetime as dt
import json

import pandas as pd
import pytest
from pydantic import ValidationError

from opsbook import inbox, store
from opsbook.prices import euro_rate, fx_rows, price_rows
from opsbook.schema import CALLS
from opsbook.settings import Price

COMPANY = """[company]
name = "Example"
zone = "Europe/Vienna"
country = "AT"
currency = "{currency}"
hours = {{ monday = ["09:00-17:00"] }}
"""
WORKFLOWS = """[[workflows]]
id = "chat"
name = "Chat"
category = "internal"
owner = "Head"
matches = ["litellm:chat"]
"""
DAY = dt.date(2026, 11, 2)


@pytest.fixture
def cost(tmp_path):
    """Ingests calls drawn as 'day model input cached output cost', '-' for missing; their costs."""

    def ingested(text: str, prices: str = "", currency: str = "EUR", **fields) -> pd.DataFrame:
        folder = tmp_path / str(len([*tmp_path.iterdir()]))
        (folder / "settings").mkdir(parents=True)
        (folder / "inbox").mkdir()
        (folder / "settings" / "company.toml").write_text(COMPANY.format(currency=currency))
        (folder / "settings" / "workflows.toml").write_text(WORKFLOWS)
        if prices:
            (folder / "settings" / "prices.toml").write_text(prices)
        names = ("model", "prompt_tokens", "cache_read_input_tokens", "completion_tokens", "spend")
        lines = []
        for number, line in enumerate(text.strip().splitlines()):
            day, *cells = line.split()
            told = {n: None if c == "-" else c for n, c in zip(names, cells, strict=True)}
            start = {"request_id": f"r{number:03}", "startTime": f"{day}T12:00:00Z"}
            start |= {"endTime": start["startTime"]}
            lines.append(
                json.dumps({"status": "success", "key_alias": "chat"} | start | told | fields)
            )
        (folder / "inbox" / "logs.jsonl").write_text("\n".join(lines))
        at = store.Folder(folder)
        files = inbox.ingest(at, store.load_settings(at)).files
        assert files.quarantined.tolist() == [0]
        return store.read_table(at, CALLS).sort_values("row_key", ignore_index=True)

    return ingested


def test_the_vendors_figure_comes_first_then_the_table_then_nothing(cost):
    found = cost(
        """
        2026-11-02  gpt-5-mini   1000000  -       1000000  9.99
        2026-11-02  gpt-5-mini   1000000  400000  1000000  -
        2026-11-02  unheard-of   1000000  -       1000000  -
        2026-11-02  -            1000000  -       1000000  -
        """
    )
    # 600,000 x 0.25 + 400,000 x 0.025 + 1,000,000 x 2.00 USD per million
    assert found.cost.astype(object).where(found.cost.notna(), None).tolist() == [
        9.99, 2.16, None, None,
    ]  # fmt: skip
    assert found.cost_kind.tolist() == ["reported", "estimated", "unpriced", "unpriced"]
    assert found.currency.isna().tolist() == [False, False, True, True]
    assert found.price.isna().tolist() == [True, False, True, True]
    assert found.price[1].endswith("openai gpt-5-mini")


def test_a_vendors_zero_is_a_figure(cost):
    assert cost("2026-11-02 gpt-5-mini 10 - 10 0").cost_kind.tolist() == ["reported"]


def test_the_price_is_that_of_the_day_of_the_call(cost):
    found = cost("2025-06-09 o3 100000 - 0 -\n2025-06-10 o3 100000 - 0 -")
    assert found.cost.tolist() == [1.0, 0.2]
    assert found.price[1].endswith("since 2025-06-10")


@pytest.mark.parametrize(
    ("tokens", "price"), [(200_000, 0.2 * 3), (200_001, 0.200001 * 6), (250_000, 0.25 * 6)]
)
def test_a_long_call_pays_the_tier_it_reaches(cost, tokens, price):
    found = cost(f"2026-02-02 claude-sonnet-4-6 {tokens} - 0 -")
    assert found.cost.tolist() == [pytest.approx(price)]


def test_more_cached_tokens_than_input_cost_no_less_than_the_cached_ones(cost):
    assert cost("2026-11-02 gpt-5-mini 1000 4000000 0 -").cost.tolist() == [pytest.approx(0.1)]


def test_a_call_that_failed_without_tokens_costs_nothing(cost):
    text = "2026-11-02 gpt-5-mini - - - -"
    failed = cost(text, status="failure")
    assert (failed.cost[0], failed.cost_kind[0]) == (0.0, "estimated")
    assert cost(text).cost.isna().all()


def test_a_gateways_name_for_a_provider_does_not_hide_the_models_price():
    places = [("my_gateway", "gpt-5-mini", DAY), ("openai", "gpt-5-mini", DAY)]
    rows = price_rows(pd.DataFrame(places, columns=["provider", "model", "day"]), [])
    assert rows.drop(columns="provider").drop_duplicates().shape[0] == 1


SHEET = """
[[prices]]
model = "gpt-5-mini*"
first = 2026-11-01
last = 2026-11-15
input = 1.0
output = 4.0
cache_read = 0.5
reason = "Negotiated"

[[prices]]
model = "gpt-5-mini*"
first = 2026-11-16
currency = "USD"
factor = 1.1
reason = "Data zone EU, 10 percent more"
"""


def test_the_own_sheet_comes_before_the_table_from_its_first_day_to_its_last(cost):
    found = cost(
        """
        2026-10-31  gpt-5-mini  1000000  -       1000000  -
        2026-11-01  gpt-5-mini  1000000  500000  1000000  -
        2026-11-15  gpt-5-mini  1000000  -       1000000  -
        2026-11-16  gpt-5-mini  1000000  -       1000000  -
        2026-11-16  gpt-5-mini  1000000  -       1000000  7
        """,
        SHEET,
    )
    assert found.cost.tolist() == pytest.approx([2.25, 4.75, 5.0, 2.475, 7.0])
    assert found.currency.tolist() == ["USD", "EUR", "EUR", "USD", "USD"]
    assert found.cost_kind.tolist() == [
        "estimated", "override", "override", "override", "reported",
    ]  # fmt: skip
    assert found.price[1] == "prices.toml, entry 1"
    assert found.price[3].startswith("prices.toml, entry 2: 1.1 times genai-prices")
    assert found.cost_eur[1] == 4.75


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"input": 1.0}, "expected either input and output"),
        ({"input": 1.0, "output": 2.0, "factor": 2.0}, "expected either input and output"),
        ({"factor": 0}, "greater than 0"),
        ({"input": -1.0, "output": 2.0}, "greater than or equal to 0"),
        ({"factor": 1.1, "last": "2026-10-01"}, "is after last"),
    ],
)
def test_a_price_that_cannot_be_is_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        Price(**{"model": "x", "first": "2026-11-01", "reason": "r"} | wrong)


def test_two_prices_of_one_model_on_one_day_are_refused(cost):
    doubled = SHEET.replace("2026-11-16", "2026-11-15")
    with pytest.raises(
        Exception, match="entries 1 and 2 both hold for 'gpt-5-mini\\*' from 2026-11-15"
    ):
        cost("2026-11-02 gpt-5-mini 1 - 1 -", doubled)


@pytest.mark.parametrize(
    ("day", "rate_of"),
    [
        ("2024-03-28", "2024-03-28"),  # Maundy Thursday
        ("2024-04-01", "2024-03-28"),  # Easter Monday
        ("2024-04-02", "2024-04-02"),
        ("2026-10-25", "2026-10-23"),  # a Sunday
    ],
)
def test_a_day_without_a_rate_has_that_of_the_last_day_with_one(day, rate_of):
    rate, at = euro_rate("USD", dt.date.fromisoformat(day))
    assert str(at) == rate_of
    assert rate == euro_rate("USD", at)[0]


def test_a_day_past_the_last_rate_has_the_last_and_says_so():
    _, at = euro_rate("USD", dt.date(2399, 1, 1))
    assert at == euro_rate("USD", dt.date(2399, 6, 1))[1]
    assert at < dt.date(2399, 1, 1)


def test_cost_in_euro_is_cost_by_the_rate(cost):
    found = cost("2024-03-28 gpt-5-mini 1 - 1 10.811")
    assert (found.cost_eur[0], found.fx_rate[0], str(found.fx_date[0].date())) == (
        10.0, 1.0811, "2024-03-28",
    )  # fmt: skip


def test_reports_in_another_currency_use_the_cross_rate(cost):
    dollar, franc = (euro_rate(c, dt.date(2024, 3, 28))[0] for c in ("USD", "CHF"))
    found = cost("2024-03-28 gpt-5-mini 1 - 1 10", currency="CHF")
    assert found.cost_eur[0] == pytest.approx(10 / dollar * franc)


def test_an_unknown_currency_has_no_rate():
    days = pd.DataFrame({"currency": ["XXX", "EUR"], "day": [DAY, DAY]})
    assert fx_rows(days).currency.tolist() == ["EUR"]
