"""Keyed pseudonyms of customers, and the fold that goes with each.

A pseudonym is the first 80 bits of HMAC-SHA256(key, id), in 16 letters: without the key nobody
can list all numbers and look customers up (ENISA 2019, Pseudonymisation techniques, 5.1). 80
bits keep 10 million customers apart with a chance of a clash of 4e-11.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs
import polars as pl

from crmlib.config import Config
from crmlib.errors import KeyLostError
from crmlib.i18n import mark
from crmlib.ledger.disk import flush, temporary_file, writable
from crmlib.schema import FOLDS

KEY_BYTES = 32
_ID_BYTES = 10
_PUBLISHED = "published-"


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Names customers and draws their folds.

    Attributes
    ----------
    key
        Secret of the HMAC; ``None`` leaves the ids as they are (public data). Never shown.
    published
        Whether the key is no secret (sample shop): such a workspace may change to a secret one.
    persons
        Persons behind several ids, as the table ``identities`` is stored: ``customer_id``,
        ``person_id``, ``fold``; ``None`` where everyone has one id.
    """

    key: bytes | None = field(repr=False)
    published: bool = False
    persons: pl.DataFrame | None = field(default=None, repr=False)

    @property
    def fingerprint(self) -> str:
        """Identify the key without giving it away."""
        if self.key is None:
            return "none"
        mark_ = hmac.digest(self.key, b"crmlib key fingerprint", "sha256").hex()[:16]
        return f"{_PUBLISHED}{mark_}" if self.published else mark_

    def name(self, customer_id: str) -> tuple[str, int]:
        """Give (pseudonym, fold) of one id; the fold comes from other bits of the digest."""
        raw = customer_id.encode()
        if self.key is None:
            return customer_id, hashlib.sha256(raw).digest()[_ID_BYTES] % FOLDS
        digest = hmac.digest(self.key, raw, "sha256")
        return base64.b32encode(digest[:_ID_BYTES]).decode().lower(), digest[_ID_BYTES] % FOLDS

    def table(self, ids: pl.Series) -> pl.DataFrame:
        """Give ``id``, ``pseudonym``, ``fold`` (Int32) of every distinct id; null is left out."""
        distinct = ids.drop_nulls().unique(maintain_order=True)
        named = [self.name(i) for i in distinct]
        return pl.DataFrame(
            {
                "id": distinct,
                "pseudonym": pl.Series([n for n, _ in named], dtype=pl.String),
                "fold": pl.Series([f for _, f in named], dtype=pl.Int32),
            }
        )

    def customers(self, ids: pl.Series) -> pl.DataFrame:
        """Give the same as :meth:`table`, of the person behind each id."""
        known = self.table(ids)
        if self.persons is None:
            return known
        persons = self.persons.select("customer_id", "person_id", _fold="fold")
        found = known.join(
            persons, left_on="pseudonym", right_on="customer_id", how="left", validate="m:1"
        )
        return found.select(
            "id",
            pseudonym=pl.coalesce("person_id", "pseudonym"),
            fold=pl.coalesce("_fold", "fold"),
        )


def load(config: Config, expected: str | None = None) -> Pseudonyms:
    """Find the key, or make one if this workspace has never had one.

    Parameters
    ----------
    config
        Its ``[privacy]`` says whether, and with which key.
    expected
        Fingerprint of the key that the workspace was built with, if it was.

    Raises
    ------
    KeyLostError
        If the workspace was built with another key: customers would change their names.
    """
    secret = None if expected in (None, "none") or expected.startswith(_PUBLISHED) else expected
    if config.privacy.published_key or not config.privacy.pseudonyms:
        if secret:
            raise KeyLostError(
                mark(
                    "the tables here have secret pseudonyms and this configuration has none; "
                    "choose another workspace for it (--workspace)"
                )
            )
        published = config.privacy.published_key if config.privacy.pseudonyms else None
        return Pseudonyms(bytes.fromhex(published) if published else None, published=True)
    path = key_path(config)
    key = _read(path)
    if key is None:
        if secret:
            raise KeyLostError(
                mark(
                    "the key of the pseudonyms is not at {path}, and this workspace was built "
                    "with it; put the file back from your backup, or choose a new workspace "
                    "(--workspace), where customers will have new names"
                ),
                path=str(path),
            )
        key = _make(path)
    found = Pseudonyms(key)
    if secret not in (None, found.fingerprint):
        raise KeyLostError(
            mark(
                "the key at {path} is not the one this workspace was built with; put the right "
                "file back from your backup, or choose a new workspace (--workspace), where "
                "customers will have new names"
            ),
            path=str(path),
        )
    return found


def key_path(config: Config) -> Path:
    """Tell where the key lies: outside the project, in the user's own folder."""
    if config.privacy.key_file:
        return config.folder / config.privacy.key_file
    return platformdirs.user_config_path("crmlib") / "pseudonyms.key"


def _read(path: Path) -> bytes | None:
    """Read the key; ``None`` if there is none."""
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyLostError(
            mark("the key of the pseudonyms at {path} cannot be read ({reason})"),
            path=str(path),
            reason=error.strerror,
        ) from None
    if not re.fullmatch(rb"\s*([0-9a-fA-F]{2}){32,}\s*", written):
        raise KeyLostError(
            mark(
                "the file at {path} does not hold a key of the pseudonyms (64 hexadecimal "
                "digits); put the right file back from your backup"
            ),
            path=str(path),
        )
    return bytes.fromhex(written.decode("ascii").strip())


def _make(path: Path) -> bytes:
    """Make a key that only its owner can read; it is whole or absent, and never replaced."""
    key = secrets.token_bytes(KEY_BYTES)
    temporary: Path | None = None
    with writable(path):
        try:
            temporary = temporary_file(path)
            temporary.write_text(key.hex() + "\n", encoding="ascii")
            flush(temporary)
            path.hardlink_to(temporary)
        except FileExistsError:  # another command was faster
            return _read(path) or key
        finally:
            if temporary:
                temporary.unlink(missing_ok=True)
    return key
