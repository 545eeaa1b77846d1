"""What the entries of truth.json mean."""

_VALUE = "quantity * unit_price - discount, with VAT, rounded half away from zero to 4 places"
_TOTALS = (
    "of all clean lines by the month of ordered_at, identified or not: value including refunds, "
    "orders = distinct order_id with a line of positive quantity, lines"
)
_BUYERS = "ids with at least one identified line of positive quantity"

REAL = {
    "value": _VALUE,
    "profit": (
        "value / (1 + vat_rate) - quantity * unit_cost with the TRUE unit_cost (value, its ex-VAT "
        "form and the cost of the line are each rounded half away from zero to 4 places), of the "
        "customer's identified lines, minus freight (deliveries.cost on the day of the order), "
        "service.cost (on the day opened) and contacts.cost (on the day sent)"
    ),
    "pre_existing": (
        "ids of all who were customers before the first day of the data, buyers or not; those "
        "without joined_at have an identified purchase within the first 150 days"
    ),
    "buyers": _BUYERS,
    "rhythms": (
        "ids of those whom BG/NBD does not describe: 'düzenli' come at Erlang gaps of 30 days on "
        "average, without season; 'artan' ever more often, from 0.3 to 1.7 times their pace"
    ),
    "loss_makers": (
        "ids with an identified purchase and a negative profit, over the whole period; "
        "loss_makers_last_12_months: with purchases, lines and costs since last_12_months_from. "
        "cause: the largest of what lowered the profit: returns (of refund lines), below_cost (of "
        "sale lines under cost), freight, service, contacts. planted: chosen to cost money, see "
        "planted_loss_makers"
    ),
    "planted_loss_makers": (
        "ids by cause. refunds: they send nearly everything back and it is written off (unit_cost "
        "0 on the refund line). below_cost: promotion OUTLET sells to them under cost. freight, "
        "service, contacts: each (online) order causes a cost of 55 to 80 % of its value"
    ),
    "by_month": _TOTALS,
    "real_spend_per_visit": (
        "a visit is one customer on one day with identified lines of positive quantity (never "
        "two orders a day); its real value is the sum of value * index of the last month / index "
        "of its month; refunds count nowhere. realised: mean over all visits; before_discount: "
        "the same with discount 0; planted: expected lines * expected real value of a line, "
        "before discount, the same in every month by construction (promoted duos left out); "
        "by_month: realised"
    ),
    "promotions": "a week on one category each; they lower prices and do not move demand",
    "season": (
        "relative pull of months (January first) and weekdays (Monday first), and of the days "
        "before the first day of each bayram; 'düzenli' customers do not feel it"
    ),
    "cards": (
        "probability that an order in a store lacks the customer: linear from the first to the "
        "last day, times the store's factor; a customer's first order never lacks it. by_month: "
        "realised shares of orders that carry the customer"
    ),
    "consents": (
        "who withdrew the consent for the channel between the day on which the last list was "
        "chosen (consents of that day's end) and the day on which it is sent"
    ),
    "campaigns": (
        "per_treated_customer: mean over ALL customers assigned to treated (reached or not) of "
        "what happened in the window (first_day to last_day) minus what would have happened "
        "without the campaign, counted from the visits of both worlds; identified purchases only; "
        "value with VAT and margin before refunds. size: planted change of the visits of those "
        "reached. kind more: further visits; earlier: this share of the visits of the four weeks "
        "after the window falls into it; none: nothing changes"
    ),
    "associations": (
        "a line of the first product brings the second along with this probability, always; "
        "counted over orders with lines of positive quantity, identified or not"
    ),
    "promotion_artefacts": (
        "two products that are promoted together (promotion D1, ...) in the weeks from each of "
        "first_days on, when 5 % of the orders get both; otherwise they are independent"
    ),
    "deliveries": (
        "late_share_by_region: probability that a parcel arrives after it was promised. Of the "
        "visits within hurt_for_days after the promised day of a late parcel (of any channel, "
        "identified or not) this share does not take place; realised counts them"
    ),
    "service": "calls wait exponentially by hour of opening; a caller's patience is exponential",
    "reviews": "mean points in time and late, as planted",
    "paths": (
        "a path ends in an order with probability 1 - (1 - chance_without) * product over its "
        "steps of (1 - chance added by a step of that channel)"
    ),
    "attributes": "how attributes hang together with the number of lines in a basket",
    "raw_rows": "per file, without the header: rows = clean + bad + duplicates",
    "bad_rows": "extra rows that must not be read as data, by kind; they repeat no clean row",
    "duplicate_rows": "verbatim repeats of a clean row; no two clean rows are alike",
    "no_cost_products": "ids whose unit_cost no raw line shows",
}

CLEAN = {
    "value": _VALUE,
    "buyers": _BUYERS,
    "by_month": _TOTALS,
    "segments": (
        "share: probability of the segment. BG/NBD: after the first order, on the day of joining, "
        "purchases follow a Poisson process of rate Gamma(r, rate alpha) a week; after each "
        "REPEAT order the customer drops out with a probability drawn from Beta(a, b). "
        "Gamma-Gamma: the value of an order (positive lines) is Gamma(p, rate nu), nu Gamma(q, "
        "rate v), rounded to the cent. All draws are independent of each other"
    ),
    "margin_rate": (
        "margin of a line over its value without VAT: normal with this mean and spread, with "
        "the negative mean on lines sold below cost (below_cost_probability)"
    ),
    "loss_makers": (
        "ids whose margin is negative over the whole period, with its cause; planted: drawn with "
        "loss_maker_probability, so that most of their lines are sold below cost. "
        "loss_makers_last_12_months: with purchases and lines since last_12_months_from, some of "
        "them by refunds of earlier purchases"
    ),
    "planted_loss_makers": "ids drawn with loss_maker_probability, losing or not",
    "below_cost_probability": "of each line, by whether its customer was drawn to lose",
    "refund_probability": "each line comes back in full 2 to 20 days later, if the data last",
    "discount_probability": "a line's price before discount is 10/9 of what is paid",
}
