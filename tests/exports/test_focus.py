"""FOCUS, the FinOps Foundation's bill of any cloud: what it charges for AI, to the cent."""

import pandas as pd
import pytest

HEAD = (
    "BilledCost,EffectiveCost,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,"
    "ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ChargeDescription,ProviderName,"
    "ServiceCategory,ServiceName,SubAccountName\n"
)
MONTH = "2026-05-01T00:00:00Z,2026-06-01T00:00:00Z"
DAY = "2026-05-03T00:00:00Z,2026-05-04T00:00:00Z"
AI = "AI and Machine Learning"


def ai(found) -> pd.DataFrame:
    """The bills about AI."""
    return found.bills[found.bills.about_ai]


def times(frame: pd.DataFrame) -> list[list[str]]:
    return [[f"{t:%Y-%m-%d %H:%M}" for t in frame[c]] for c in ("period_start", "period_end")]


def test_a_cloud_bill_of_version_1_0_gives_its_lines_about_ai(read, files):
    title, found = read((files / "focus-1.0.csv").read_bytes())
    assert title == "FOCUS cloud bill"
    assert ai(found)[["provider", "account", "amount", "currency"]].values.tolist() == [
        ["aws", "Atlas Nimbus", 0.42, "USD"],
        ["aws", "Atlas Nimbus", -0.12, "USD"],
    ]
    assert times(ai(found)) == [
        ["2024-09-18 22:00", "2024-09-18 23:00"],
        ["2024-09-18 23:00", "2024-09-19 00:00"],
    ]


def test_lines_that_are_not_about_ai_are_bills_that_are_not_marked(read, files):
    _, found = read((files / "focus-1.0.csv").read_bytes())
    assert (len(found.bills), len(ai(found)), len(found.quarantine)) == (5, 2, 0)
    assert found.empty_rows == 0


def test_version_1_3_names_the_model_the_meter_and_the_tokens_in_the_line(read, files):
    _, found = read((files / "focus-1.3.csv").read_bytes())
    assert ai(found)[["provider", "line_item", "amount", "currency"]].values.tolist() == [
        ["azure", "gpt-5-mini, Input Tokens, 3000000 Tokens", 2.025, "EUR"],
        ["azure", "gpt-5-mini, Output Tokens, 500000 Tokens", 2.25, "EUR"],
        ["azure", "Foundry Models, Commitment", 1200.0, "EUR"],
    ]


def test_a_commitment_for_a_year_is_a_bill_of_the_month_that_bills_it(read, files):
    _, found = read((files / "focus-1.3.csv").read_bytes())
    start, end = times(found.bills[found.bills.amount == 1200])
    assert (start, end) == (["2026-05-01 00:00"], ["2026-06-01 00:00"])


def test_what_a_bill_charges_counts_and_not_what_it_spreads_over_the_year(read):
    _, found = read(HEAD + f"0.00,20.00,USD,{MONTH},{DAY},Usage,Tokens,AWS,{AI},Bedrock,prod\n")
    assert found.bills.amount.tolist() == [0.0]


def test_amounts_with_a_sign_a_comma_and_a_blank_and_american_dates_as_in_the_sample(read):
    line = '"$10,000.00 ",0,USD,4/1/25,5/1/25,4/1/25,4/1/26,Purchase,Upfront,ACMECORP,'
    _, found = read(HEAD + line + f"{AI},ACMECORP Service,\n")
    assert found.bills.amount.tolist() == [10000.0]
    assert found.bills.provider.tolist() == ["acmecorp"]
    assert times(found.bills) == [["2025-04-01 00:00"], ["2025-05-01 00:00"]]


def test_the_published_sample_of_a_business_application_is_a_bill_not_about_ai(read, files):
    _, found = read((files / "focus_simple_saas_agreements_a1.csv").read_bytes())
    assert (len(found.bills), len(ai(found)), len(found.quarantine)) == (1, 0, 0)


def test_a_date_with_the_day_first_is_refused_and_not_turned_around(read):
    line = f"1.00,1.00,EUR,{MONTH},18/05/2026,19/05/2026,Usage,Tokens,AWS,{AI},Bedrock,prod\n"
    _, found = read(HEAD + line)
    assert found.quarantine.reason.tolist() == [
        'ChargePeriodStart "18/05/2026" is not a time; expected like 2026-11-23T14:00:00Z'
    ]


@pytest.mark.parametrize(
    ("category", "service", "bills"),
    [
        (AI, "Amazon SageMaker", 1),
        ("Other", "Claude Sonnet 4.5 (Amazon Bedrock Edition)", 1),
        ("NULL", "Vertex AI", 1),
        ("Compute", "Amazon Elastic Compute Cloud", 0),
        ("Developer Tools", "Cloud Foundry", 0),
    ],
)
def test_a_line_is_about_ai_by_its_category_or_its_name(read, category, service, bills):
    _, found = read(HEAD + f"1.00,1.00,USD,{MONTH},{DAY},Usage,x,AWS,{category},{service},prod\n")
    assert len(ai(found)) == bills


def test_two_equal_lines_are_two_charges(read):
    line = f"1.00,1.00,USD,{MONTH},{DAY},Usage,Tokens,AWS,{AI},Bedrock,prod\n"
    _, found = read(HEAD + line + line)
    assert found.bills.amount.sum() == 2


def test_an_amount_without_a_currency_is_set_aside(read):
    line = f"1.00,1.00,,{MONTH},{DAY},Usage,Tokens,AWS,{AI},Bedrock,prod\n"
    _, found = read(HEAD + line)
    assert found.quarantine.reason.tolist() == ["BillingCurrency is missing"]
