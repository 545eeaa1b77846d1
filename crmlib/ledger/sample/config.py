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

_YES_OR_NO = {"evet": "true", "hayır": "false"}
# Words of the files -> ours; those of consents are the register's (İYS).
WORDS = {
    "consents": {
        "status": {"ONAY": "given", "RET": "withdrawn"},
        "channel": {"EPOSTA": "email", "MESAJ": "sms", "ARAMA": "call"},
    },
    "contacts": dict.fromkeys(("delivered", "bounced", "unsubscribed"), _YES_OR_NO),
}
OTHER_HEADERS = {
    "consents": {
        "customer_id": "Müşteri No",
        "channel": "Kanal",
        "status": "Durum",
        "source": "Kaynak",
        "at": "Tarih",
    },
    "deliveries": {
        "order_id": "Sipariş No",
        "promised": "Söz Verilen",
        "shipped": "Kargoya Veriliş",
        "delivered": "Teslim",
        "returned": "İade",
        "cost": "Navlun",
    },
    "campaigns": {
        "campaign_id": "campaign_id",
        "name": "name",
        "start": "start",
        "end": "end",
        "goal": "goal",
        "primary_outcome": "primary_outcome",
        "window_days": "window_days",
        "planned_split": "planned_split",
        "fixed_cost": "fixed_cost",
        "cost_per_contact": "cost_per_contact",
        "is_global_control": "is_global_control",
    },
    "assignments": {
        "campaign_id": "Kampanya",
        "customer_id": "Müşteri No",
        "arm": "Grup",
        "stratum": "Katman",
        "assigned_at": "Atama Zamanı",
        "list_id": "Liste",
    },
    "contacts": {
        "campaign_id": "Kampanya",
        "customer_id": "Müşteri No",
        "sent_at": "Gönderim",
        "channel": "Kanal",
        "cost": "Maliyet",
        "delivered": "Ulaştı",
        "bounced": "Geri Döndü",
        "unsubscribed": "Abonelikten Çıktı",
        "opened_at": "Açılma",
        "clicked_at": "Tıklama",
    },
    "touches": {
        "visitor_id": "visitor",
        "customer_id": "customer",
        "at": "timestamp",
        "channel": "channel",
        "page_kind": "page",
        "converted": "converted",
    },
    "service": {
        "service_id": "Kayıt No",
        "customer_id": "Müşteri No",
        "opened": "Başlangıç",
        "queued": "Kuyruğa Giriş",
        "left_queue": "Kuyruktan Çıkış",
        "answered": "Yanıt",
        "closed": "Bitiş",
        "queue": "Kuyruk",
        "topic": "Konu",
        "agent": "Temsilci",
        "outcome": "Sonuç",
        "cost": "Maliyet",
    },
    "reviews": {
        "review_id": "Yorum No",
        "order_id": "Sipariş No",
        "customer_id": "Müşteri No",
        "at": "Tarih",
        "score": "Puan",
        "text": "Yorum",
    },
    "attributes": {
        "customer_id": "customer_id",
        "field": "field",
        "value": "value",
        "source": "source",
        "loaded_at": "loaded_at",
        "basis": "basis",
    },
    "targets": {"month": "Ay", "kpi": "Gösterge", "value": "Hedef"},
    "events": {"date": "Tarih", "text": "Olay"},
}

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
"""
_TURKISH = {"separator": ";", "encoding": "utf-8", "decimal": ",", "thousands": "."}
_PLAIN = {"separator": ",", "encoding": "utf-8", "decimal": "."}
_SECONDS = "%d.%m.%Y %H:%M:%S"
ISO_SECONDS = "%Y-%m-%dT%H:%M:%S"

SOURCES: dict[str, dict[str, str]] = {
    "order_lines": {**_TURKISH, "date_format": _SECONDS, "duplicates": "drop"},
    "customers": {
        **_TURKISH, "encoding": "cp1254", "date_format": "%d.%m.%Y", "duplicates": "drop",
    },
    "products": {**_PLAIN, "date_format": "%Y-%m-%d"},
    "price_index": {**_PLAIN, "date_format": "%Y-%m"},
    "consents": {**_TURKISH, "date_format": _SECONDS},
    "deliveries": {**_TURKISH, "date_format": _SECONDS},
    "campaigns": {**_PLAIN, "date_format": "%Y-%m-%d"},
    "assignments": {**_TURKISH, "date_format": _SECONDS},
    "contacts": {**_TURKISH, "date_format": _SECONDS},
    "touches": {**_PLAIN, "date_format": ISO_SECONDS},
    "service": {**_TURKISH, "encoding": "cp1254", "date_format": _SECONDS},
    "reviews": {**_TURKISH, "date_format": _SECONDS},
    "attributes": {**_PLAIN, "date_format": ISO_SECONDS},
    "targets": {**_TURKISH, "date_format": "%Y-%m"},
    "events": {**_TURKISH, "date_format": "%d.%m.%Y"},
}  # fmt: skip
HEADERS = {
    "order_lines": ORDER_HEADERS,
    "customers": CUSTOMER_HEADERS,
    "products": PRODUCT_HEADERS,
    "price_index": INDEX_HEADERS,
    **OTHER_HEADERS,
}


def config_of(truth: dict[str, Any], tables: list[str]) -> str:
    """Fill in the recipe that reads the raw files of these tables."""
    return "\n".join([_head(truth), *map(_section, tables)])


def config_of_pieces(truth: dict[str, Any]) -> str:
    """Fill in the recipe that reads order lines in pieces, whose columns have our names."""
    pieces = '[order_lines]\nfiles = ["orders-*.parquet"]\n'
    return "\n".join([_head(truth), pieces, _section("price_index")])


def _head(truth: dict[str, Any]) -> str:
    return CRM_TOML.format(
        start=truth["spec"]["start"],
        end=truth["end"],
        burn_in=BURN_IN_DAYS if truth["spec"]["world"] == "real" else 0,
    )


def _section(table: str) -> str:
    file = "orders-*.csv" if table == "order_lines" else f"{table}.csv"
    lines = [f"[{table}]", f'files = ["{file}"]']
    lines += [f'{key} = "{value}"' for key, value in SOURCES[table].items()]
    if table in WORDS:
        lines += ["", f"[{table}.recode]"]
        for column, words in WORDS[table].items():
            told = ", ".join(f'"{theirs}" = "{ours}"' for theirs, ours in words.items())
            lines.append(f"{column} = {{ {told} }}")
    lines += ["", f"[{table}.columns]"]
    lines += [f'{ours} = "{theirs}"' for ours, theirs in HEADERS[table].items()]
    return "\n".join(lines) + "\n"
