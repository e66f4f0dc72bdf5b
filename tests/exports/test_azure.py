"""Azure Cost Management: what AI services cost per day, meter and resource, in every generation."""

COLUMNS = ["provider", "account", "line_item", "amount", "currency"]


def test_an_enterprise_export_gives_its_meters_of_ai_with_their_own_unit(read, files):
    title, found = read((files / "azure-ea.csv").read_bytes())
    assert title == "Azure cost details, Enterprise Agreement"
    assert found.bills[found.bills.about_ai][COLUMNS].values.tolist() == [
        ["azure", "AI production", "gpt-4o-mini-0718-Inp-glbl Tokens, 12000 x 1K", 1.8, "USD"],
        ["azure", "AI production", "5.4 mini Outp Gl Tokens, 2.5 x 1M", 5.0, "USD"],
        ["azure", "AI production", "Claude Sonnet - pay as you go, 1 x 1", -2.25, "USD"],
    ]


def test_machines_and_storage_are_bills_that_are_not_marked(read, files):
    _, found = read((files / "azure-ea.csv").read_bytes())
    assert (len(found.bills), int(found.bills.about_ai.sum()), len(found.quarantine)) == (5, 3, 0)


def test_the_day_of_a_line_is_month_first_and_in_utc(read, files):
    _, found = read((files / "azure-ea.csv").read_bytes())
    own = found.bills[found.bills.about_ai]
    assert own.period_start.map("{:%Y-%m-%d %H:%M%z}".format).tolist() == [
        "2023-09-04 00:00+0000", "2023-09-04 00:00+0000", "2023-09-14 00:00+0000",
    ]  # fmt: skip
    assert set((found.bills.period_end - found.bills.period_start).dt.days) == {1}


def test_a_customer_agreement_is_read_in_the_currency_it_bills(read, files):
    _, found = read((files / "azure-mca.csv").read_bytes())
    assert found.bills[found.bills.about_ai][COLUMNS].values.tolist() == [
        ["azure", "AI production", "5.4 mini Inp Gl Tokens, 30 x 1M", 6.75, "EUR"]
    ]


def test_the_enterprise_export_of_2024_names_cost_and_currency_anew(read):
    _, found = read(
        "SubscriptionName,Date,MeterCategory,MeterName,Quantity,UnitOfMeasure,"
        "CostInBillingCurrency,BillingCurrencyCode,ServiceFamily\n"
        "prod,2026-10-05,Foundry Models,5.4 mini Inp Gl,3,1M,0.75,eur,AI + Machine Learning\n"
    )
    assert found.bills[["amount", "currency"]].values.tolist() == [[0.75, "EUR"]]


def test_cognitive_services_of_older_bills_are_about_ai(read):
    _, found = read(
        "SubscriptionName,Date,MeterCategory,MeterName,Cost,BillingCurrency\n"
        "prod,10/05/2026,Cognitive Services,gpt 4o 0513 Input global Tokens,3.5,USD\n"
        "prod,10/05/2026,Storage,LRS Data Stored,9,USD\n"
    )
    assert found.bills[found.bills.about_ai].line_item.tolist() == [
        "gpt 4o 0513 Input global Tokens"
    ]
    assert len(found.bills) == 2


def test_what_a_marketplace_sells_is_told_by_its_product(read):
    _, found = read(
        "subscriptionName,date,meterCategory,meterName,costInBillingCurrency,billingCurrency,"
        "ProductName\n"
        "prod,10/05/2026,,,4.5,EUR,Claude Sonnet 4.5\n"
        "prod,10/05/2026,,,9,EUR,Firewall appliance\n"
    )
    assert found.bills[found.bills.about_ai][["line_item", "amount"]].values.tolist() == [
        ["Claude Sonnet 4.5", 4.5]
    ]
