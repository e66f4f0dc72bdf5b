"""FOCUS, the FinOps Foundation's one shape for the bill of any cloud.

A cloud bills everything in one file: every line is a bill, and what is about AI is marked. The
amount is BilledCost, what the invoice says; EffectiveCost spreads a purchase over its term. Times
are UTC in ISO 8601, as the specification has it; where a spreadsheet wrote 5/1/25, the month comes
first, as in the Foundation's own samples.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.cells import literal
from opsbook.exports.fields import Fields, first

CATEGORY = "ai and machine learning"
NAMED_AI = (
    r"openai|cognitive ?services|foundry (models|tools)|ai foundry|bedrock|vertex ai|gemini"
    r"|generative|anthropic|claude|mistral|cohere|deepseek"
)
"""Services and publishers of AI as clouds name them, also where a marketplace sells them."""
UNKNOWN = "'unknown'"
CLOUDS = {"aws": "amazon|aws", "azure": "microsoft|azure", "google": "google|gcp"}
"""The names that calls and prices go by, and how bills write them."""
ACCOUNT = ("SubAccountName", "SubAccountId", "BillingAccountName", "BillingAccountId")
NEEDS = (
    "BilledCost", "BillingCurrency", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd",
    "ChargeCategory", "ServiceName",
)  # fmt: skip
IDENTITY = (
    "BillingPeriodStart", "ChargePeriodStart", "ChargePeriodEnd", "BillingAccountId",
    "SubAccountId", "ResourceId", "RegionId", "ServiceName", "SkuId", "SkuPriceId", "SkuMeter",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "CredentialId",
)  # fmt: skip


def read_focus(fields: Fields) -> Reading:
    """Bills, those about AI marked; a charge beyond its billing period is a bill of that period."""
    fields.month_first = True
    service = fields.text("ServiceName")
    subjects = (service, fields.text("ServiceSubcategory"), fields.text("PublisherName"))
    ai = fields.value(about_ai(fields.text("ServiceCategory"), CATEGORY, subjects))
    start, end = (fields.time(f"ChargePeriod{e}") for e in ("Start", "End"))
    billed_to = fields.time("BillingPeriodEnd")
    until = fields.value(
        f"CASE WHEN {billed_to} > {start} THEN least({end}, {billed_to}) ELSE {end} END"
    )
    currency = fields.text("BillingCurrency")
    amount = fields.number("BilledCost", required=True, signed=True)
    fields.refuse_missing("BillingCurrency", currency)
    what = first(fields.json("SkuPriceDetails", "ModelId"), service)
    meter = first(*map(fields.text, ("SkuMeter", "x_SkuMeterName", "ChargeDescription")))
    quantity = f"{fields.text('ConsumedQuantity')} || ' ' || {fields.text('ConsumedUnit')}"
    bills = {
        "period_start": start,
        "period_end": until,
        "row_key": fields.key(*IDENTITY),
        "provider": _cloud(fields),
        "account": first(*map(fields.text, ACCOUNT)),
        "line_item": f"concat_ws(', ', {what}, {meter}, {quantity})",
        "amount": amount,
        "currency": f"upper({currency})",
        "about_ai": ai,
    }
    return Reading(
        bills=(Part(bills, twins=True),),
        covered=(start, until),
        has_status=False,
    )


def about_ai(category: str, wanted: str, subjects: tuple[str, ...]) -> str:
    """Whether a line of a cloud's bill is about AI: by its category, or by what it names."""
    named = f"lower(concat_ws(' ', {', '.join(subjects)}))"
    return (
        f"coalesce(lower({category}) = {literal(wanted)}, false)"
        f" OR regexp_matches({named}, {literal(NAMED_AI)})"
    )


def _cloud(fields: Fields) -> str:
    """Who runs the service and bills for it; version 1.3 names the host in a column of its own."""
    names = ("HostProviderName", "ProviderName", "ServiceProviderName", "InvoiceIssuerName")
    name = fields.value(f"lower({first(*map(fields.text, names), UNKNOWN)})")
    cases = (f"WHEN regexp_matches({name}, {literal(p)}) THEN '{c}'" for c, p in CLOUDS.items())
    return f"CASE {' '.join(cases)} ELSE {name} END"


BILL = Reader(
    source="focus",
    title="FOCUS cloud bill",
    input_tokens="no tokens; the quantity stands in the line",
    needs=frozenset(NEEDS),
    read=read_focus,
    numbers=("BilledCost", "EffectiveCost", "ListCost"),
    codebook="One row per charge; BilledCost, lines about AI marked; 5/1/25 is the first of May.",
)
