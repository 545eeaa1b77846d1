"""Customers' names in the tables: keyed, one for one, and lost with the key."""

import hashlib
import hmac
import os
import stat

import polars as pl
import pytest

from crmlib.errors import KeyLostError
from crmlib.ledger import pseudonyms
from crmlib.ledger.pseudonyms import Pseudonyms
from crmlib.schema import FOLDS

KEYED = {"pseudonyms": True, "key_file": "keys/pseudonyms.key"}
# RFC 4231, test case 2: HMAC-SHA-256 with key "Jefe" of "what do ya want for nothing?".
RFC_4231 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_a_pseudonym_is_the_published_hmac():
    name, fold = Pseudonyms(b"Jefe").name("what do ya want for nothing?")
    digest = bytes.fromhex(RFC_4231)
    # 80 bits in base 32 by hand: 16 letters of 5 bits.
    bits = int.from_bytes(digest[:10])
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    assert name == "".join(letters[bits >> shift & 31] for shift in range(75, -1, -5))
    assert fold == digest[10] % FOLDS


def test_without_the_key_a_list_of_all_numbers_finds_nobody():
    named = {Pseudonyms(b"k" * 32).name(f"{n:04}")[0] for n in range(2000)}
    assert len(named) == 2000
    for n in range(2000):
        plain = hashlib.sha256(f"{n:04}".encode()).hexdigest()
        other = hmac.digest(b"x" * 32, f"{n:04}".encode(), "sha256").hex()
        assert plain[:16] not in named
        assert other[:16] not in named
        assert Pseudonyms(b"x" * 32).name(f"{n:04}")[0] not in named


@pytest.mark.parametrize("key", [None, b"k" * 32])
def test_folds_are_even_and_of_the_customer_alone(key):
    ids = pl.Series([f"c{i}" for i in range(20_000)])
    table = Pseudonyms(key).table(ids)
    counts = table.group_by("fold").len()["len"]
    assert counts.len() == FOLDS
    # 20,000 / 64 = 312.5 with a standard deviation of 17.5: five of them on either side.
    assert counts.min() > 225
    assert counts.max() < 400
    again = Pseudonyms(key).table(ids.reverse().head(5))
    assert again.sort("id").equals(table.filter(pl.col("id").is_in(again["id"])).sort("id"))


def test_the_key_is_never_shown():
    secret = Pseudonyms(b"secret secret secret secret sec!")
    assert "secret" not in repr(secret)
    assert secret.key.hex() not in secret.fingerprint
    assert len(secret.fingerprint) == 16


def test_the_first_build_makes_a_key_for_its_owner_alone(shop):
    shop.rows(("1", "Ayşe", "2024-03-01", "p", 1, 2))
    opened = shop.build(privacy=KEYED)
    path = shop.folder / "keys" / "pseudonyms.key"
    key = bytes.fromhex(path.read_text().strip())
    assert len(key) == 32
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    named = opened.customer.collect()["customer_id"].to_list()
    assert named == [Pseudonyms(key).name("Ayşe")[0]]
    assert shop.build(privacy=KEYED).customer.collect()["customer_id"].to_list() == named


def test_ids_and_names_are_nowhere_but_in_the_quarantine(shop):
    shop.rows(
        ("1", "Canan Kanarya", "2024-03-01", "p", 1, 2),
        ("2", "Canan Kanarya", "soon", "p", 1, 2),
    )
    shop.build(privacy=KEYED)
    holding = [
        path.relative_to(shop.workspace).parts[2]
        for path in shop.workspace.rglob("*")
        if path.is_file() and b"Kanarya" in path.read_bytes()
    ]
    assert set(holding) <= {"quarantine"}


def test_a_lost_key_stops_with_the_remedy(shop):
    shop.rows(("1", "c", "2024-03-01", "p", 1, 2))
    shop.build(privacy=KEYED)
    path = shop.folder / "keys" / "pseudonyms.key"
    right = path.read_text()
    path.unlink()
    with pytest.raises(KeyLostError, match="put the file back from your backup"):
        shop.read(privacy=KEYED)
    assert not path.exists(), "no new key may take the place of the lost one"
    path.write_text("ab" * 32)
    with pytest.raises(KeyLostError, match="is not the one this workspace was built with"):
        shop.read(privacy=KEYED)
    for damaged in ("", right[:20], "not a key", right.replace(right[5], "ğ")):
        path.write_text(damaged, encoding="utf-8")
        with pytest.raises(KeyLostError, match="does not hold a key") as caught:
            shop.read(privacy=KEYED)
        assert right[10:20] not in str(caught.value)
    path.write_text(right)
    assert shop.read(privacy=KEYED).parts


def test_a_lost_key_stops_even_where_the_build_is_damaged(shop):
    shop.rows(("1", "c", "2024-03-01", "p", 1, 2))
    shop.build(privacy=KEYED)
    (shop.folder / "keys" / "pseudonyms.key").unlink()
    (shop.workspace / "CURRENT").write_bytes(b"\xff\xfe")
    with pytest.raises(KeyLostError):
        shop.read(privacy=KEYED)


def test_a_key_that_another_command_made_first_is_taken(shop):
    path = shop.folder / "k" / "pseudonyms.key"
    first = pseudonyms._make(path)
    assert pseudonyms._make(path) == first
    assert pseudonyms._read(path) == first
