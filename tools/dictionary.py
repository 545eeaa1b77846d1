"""Write docs/data-dictionary.md from the schemas (`make dictionary`)."""

from inspect import cleandoc
from pathlib import Path

from crmlib import schema

TARGET = Path(__file__).resolve().parent.parent / "docs" / "data-dictionary.md"
HEAD = """# Data dictionary

Made from `crmlib/schema/` by `make dictionary`; do not edit. Privacy classes: *identifier*
names a person, *contact* reaches one, *behaviour* tells of one, *none* tells of nobody.
Columns marked * are worked out at intake and cannot be mapped from a file.
"""


def dictionary() -> str:
    """Write the dictionary of all ledger tables."""
    return HEAD + "".join(_table(name) for name in schema.LEDGER)


def _table(name: str) -> str:
    table = schema.LEDGER[name]
    mapped = schema.columns(name)
    rows = [
        f"| `{column}`{'' if column in mapped else ' *'} | {c.dtype} | {_needed(name, column, c)} "
        f"| {c.metadata.get('unit', '')} | {c.metadata['privacy']} | {c.description} |"
        for column, c in table.columns().items()
    ]
    helpers = [
        f"| `{column}` | read only | no | | none | {_HELPERS[column]} |"
        for column in schema.HELPERS.get(name, ())
    ]
    head = "| column | type | needed | unit | privacy | meaning |\n|---|---|---|---|---|---|\n"
    about = cleandoc(schema.TABLES[name].__doc__ or "").replace("``", "`")
    return f"\n## {name}\n\n{about}\n\n{head}" + "\n".join([*rows, *helpers]) + "\n"


_HELPERS = {
    "line_total": "Money of the whole line, where the source has it instead of a unit price.",
    "currency": "Checked against the shop's; rows in another currency are quarantined.",
}


def _needed(table: str, name: str, column: object) -> str:
    if name in schema.REQUIRED[table]:
        return "yes"
    return "key" if getattr(column, "primary_key", False) else "no"


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(dictionary(), encoding="utf-8")
    print(f"wrote {TARGET.name}")
