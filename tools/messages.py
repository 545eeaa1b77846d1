"""Collect the sentences of crmlib, update the catalogues and compile them (`make messages`).

Sentences that nobody has translated stay empty in the .po file, and a test fails on them.
"""

import argparse
import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "crmlib"
LOCALE = PACKAGE / "locale"
LANGUAGES = ("tr",)  # English sentences are the keys
KEYWORDS = {"text": (1,), "mark": (1,)}


def template() -> Catalog:
    """Collect every marked sentence with its places, as a catalogue without translations."""
    found = Catalog(project="crmlib", charset="utf-8")
    entries = extract_from_dir(PACKAGE, method_map=[("**.py", "python")], keywords=KEYWORDS)
    for file, _line, message, comments, _context in entries:
        if isinstance(message, str) and message:
            # Files, not lines: a moved line is no change to a catalogue.
            found.add(
                message,
                locations=[(f"crmlib/{Path(file).as_posix()}", None)],
                auto_comments=comments,
            )
    return found


def path_of(lang: str, ending: str) -> Path:
    """Tell where a language's catalogue lies."""
    return LOCALE / lang / "LC_MESSAGES" / f"crmlib.{ending}"


def load(lang: str) -> Catalog:
    """Read a language's catalogue, an empty one if there is none yet."""
    path = path_of(lang, "po")
    if not path.exists():
        return Catalog(locale=lang, project="crmlib", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=lang, domain="crmlib")


def compiled(catalogue: Catalog) -> bytes:
    """Compile a catalogue to the bytes of its .mo file."""
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def merge(catalogue: Catalog, translations: Path) -> int:
    """Take over ``English<TAB>translation`` lines; returns how many found their sentence."""
    taken = 0
    for line in translations.read_text(encoding="utf-8").splitlines():
        english, _, translated = line.partition("\t")
        message = catalogue.get(english.replace("\\n", "\n"))
        if message is not None and translated:
            message.string = translated.replace("\\n", "\n")
            taken += 1
    return taken


def main() -> None:
    """Update and compile every catalogue."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--merge", type=Path, help="file of English<TAB>Turkish lines to take over")
    given = parser.parse_args()
    for lang in LANGUAGES:
        catalogue = load(lang)
        catalogue.update(template(), no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        if given.merge:
            print(f"{lang}: {merge(catalogue, given.merge)} sentences taken over")
        path = path_of(lang, "po")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalogue, sort_output=True, omit_header=False, width=100)
        path_of(lang, "mo").write_bytes(compiled(catalogue))
        missing = [m.id for m in catalogue if m.id and not m.string]
        print(f"{lang}: {len(catalogue)} sentences, {len(missing)} not translated")
        for sentence in missing:
            print(f"  {sentence}")


if __name__ == "__main__":
    main()
