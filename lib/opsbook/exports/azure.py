"""Azure Cost Management's cost details: one row per day, meter and resource of a subscription.

Enterprise and customer agreements name and write their columns apart, in several generations; the
names are matched whatever their letter case. Days are UTC and month first. A price is per 1K or 1M
by the row, so the quantity is kept with its unit in the line, and the cost is the row's own.
"""

from dataclasses import replace

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.fields import Fields, first
from opsbook.exports.focus import about_ai

FAMILY = "ai + machine learning"
PRODUCT = ("product", "productname")
SUBJECTS = (
    ("metercategory",), ("metersubcategory",), ("consumedservice",), ("publishername",), PRODUCT,
)  # fmt: skip
IDENTITY = (
    "date", "subscriptionid", "resourceid", "meterid", "partnumber", "productorderid",
    "chargetype", "pricingmodel", "unitprice", "reservationid", "additionalinfo",
)  # fmt: skip


def read_costs(fields: Fields) -> Reading:
    """Bills per day, subscription, meter and resource, those about AI marked."""
    fields.month_first = True
    subjects = tuple(fields.text(_named(fields, *names)) for names in SUBJECTS)
    ai = fields.value(about_ai(fields.text(_named(fields, "servicefamily")), FAMILY, subjects))
    day = fields.time(_named(fields, "date"))
    over = fields.value(f"{day} + INTERVAL 1 DAY")
    money = _named(fields, "billingcurrency", "billingcurrencycode")
    currency = fields.text(money)
    fields.refuse_missing(money, currency)
    cost = _named(fields, "costinbillingcurrency", "cost")
    meter, count, unit, subscription = (
        fields.text(_named(fields, n))
        for n in ("metername", "quantity", "unitofmeasure", "subscriptionname")
    )
    what = first(meter, fields.text(_named(fields, *PRODUCT)))
    bills = {
        "period_start": day,
        "period_end": over,
        "row_key": fields.key(*(_named(fields, n) for n in IDENTITY)),
        "provider": "'azure'",
        "account": first(subscription, fields.text(_named(fields, "subscriptionid"))),
        "line_item": f"concat_ws(', ', {what}, {count} || ' x ' || {unit})",
        "amount": fields.number(cost, required=True, signed=True),
        "currency": f"upper({currency})",
        "about_ai": ai,
    }
    return Reading(
        bills=(Part(bills, twins=True),),
        covered=(day, over),
        has_status=False,
    )


def _named(fields: Fields, *names: str) -> str:
    """The file's own name of a column, the first of these in whatever letter case."""
    own = {name.lower(): name for name in reversed(fields.columns)}
    return next((own[n] for n in names if n in own), names[0])


ENTERPRISE = Reader(
    source="azure",
    title="Azure cost details, Enterprise Agreement",
    input_tokens="no tokens; the quantity stands in the line",
    needs=frozenset(["Date", "MeterCategory", "MeterName", "Cost", "BillingCurrency"]),
    read=read_costs,
    numbers=("Cost", "CostInBillingCurrency", "costInBillingCurrency"),
    codebook="One row per day, meter and resource; lines about AI marked; 05/01/2026 is in May.",
)
ENTERPRISE_2024 = replace(
    ENTERPRISE,
    title="Azure cost details, Enterprise Agreement since 2024",
    needs=frozenset(["Date", "MeterCategory", "MeterName", "CostInBillingCurrency"]),
)
CUSTOMER = replace(
    ENTERPRISE,
    title="Azure cost details, Microsoft Customer Agreement",
    needs=frozenset(["date", "meterCategory", "meterName", "costInBillingCurrency"]),
)
