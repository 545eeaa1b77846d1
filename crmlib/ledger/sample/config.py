"""The sample shop's crm.toml, and what each column is called in its raw files."""

from typing import Any

BURN_IN_DAYS = 180  # enough to find all who came before: see FOUND_WITHIN_DAYS in tables

ORDER_HEADERS = {
    "order_id": "Sipariş No",
    "customer_id": "Müşteri No",
    "ordered_at": "Tarih",
    "product_id": "Ürün Kodu",
    "quantity": "Miktar",
    "unit_price": "Birim Fiyat",
    "discount": "İndirim",
    "vat_rate": "KDV",
    "unit_cost": "Birim Maliyet",
    "promotion_id": "Kampanya",
    "channel": "Kanal",
    "store": "Mağaza",
}
CUSTOMER_HEADERS = {
    "customer_id": "Müşteri No",
    "name": "Ad Soyad",
    "email": "E-posta",
    "phone": "Telefon",
    "birth_year": "Doğum Yılı",
    "sex": "Cinsiyet",
    "city": "Şehir",
    "region": "Bölge",
    "account_type": "Hesap Türü",
    "joined_at": "Kayıt Tarihi",
    "acquisition_channel": "Kazanım Kanalı",
}
PRODUCT_HEADERS = {
    "product_id": "Ürün Kodu",
    "name": "Ürün Adı",
    "category": "Kategori",
    "available_from": "Satış Başlangıcı",
    "available_until": "Satış Bitişi",
}
INDEX_HEADERS = {"month": "Ay", "index": "Endeks"}

CRM_TOML = """\
[shop]
name = "Örnek Mağaza"
currency = "TRY"
time_zone = "Europe/Istanbul"
prices_include_vat = true

[history]
complete_from = {start}
burn_in_days = {burn_in}
as_of = {end}

[privacy]
pseudonyms = true
# Published on purpose: the people of this shop are made up. Never use it for real customers.
published_key = "714a982ac5b5d93652dd4f646a960e42a7bfc71fae10b330e85e707810e40f17"

[order_lines]
files = ["orders-*.csv"]
separator = ";"
encoding = "utf-8"
decimal = ","
thousands = "."
date_format = "%d.%m.%Y %H:%M:%S"
duplicates = "drop"

[order_lines.columns]
{order_lines}

[customers]
files = ["customers.csv"]
separator = ";"
encoding = "cp1254"
decimal = ","
thousands = "."
date_format = "%d.%m.%Y"
duplicates = "drop"

[customers.columns]
{customers}

[products]
files = ["products.csv"]
separator = ","
encoding = "utf-8"
decimal = "."
date_format = "%Y-%m-%d"

[products.columns]
{products}

[price_index]
files = ["price_index.csv"]
separator = ","
encoding = "utf-8"
decimal = "."
date_format = "%Y-%m"

[price_index.columns]
{price_index}
"""


def config_of(truth: dict[str, Any]) -> str:
    """Fill in the recipe that reads the raw files."""

    def columns(headers: dict[str, str]) -> str:
        return "\n".join(f'{ours} = "{theirs}"' for ours, theirs in headers.items())

    return CRM_TOML.format(
        start=truth["spec"]["start"],
        end=truth["end"],
        burn_in=BURN_IN_DAYS,
        order_lines=columns(ORDER_HEADERS),
        customers=columns(CUSTOMER_HEADERS),
        products=columns(PRODUCT_HEADERS),
        price_index=columns(INDEX_HEADERS),
    )
