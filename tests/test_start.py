"""The configuration that `crm init` writes: sound as it is, and with every table switched on."""

import re

from crmlib import config, schema
from crmlib.ledger import start


def switched_on(template: str) -> str:
    """Take the mark off every line that is off; remarks in prose stay."""
    line = re.compile(r"^# ?(\[|[\w.]+ = |#? ?row_number|\"|\])")
    lines = template.splitlines()
    return "\n".join(re.sub(r"^# ", "", x) if line.match(x) else x for x in lines)


def test_the_template_is_sound(tmp_path):
    start.write_template(tmp_path / "crm.toml")
    assert list(config.load(tmp_path / "crm.toml").sources()) == ["order_lines"]


def test_every_table_of_the_template_is_sound_when_it_is_switched_on(tmp_path):
    (tmp_path / "crm.toml").write_text(switched_on(start.TEMPLATE), encoding="utf-8")
    read = config.load(tmp_path / "crm.toml")
    assert set(read.sources()) == set(schema.TABLES)
    assert read.order_lines.drop
    assert read.deliveries.join
    assert read.consents.recode
    assert read.service.elapsed
    assert read.attributes.unpivot


def test_lines_of_the_template_fit_a_screen():
    assert max(map(len, start.TEMPLATE.splitlines())) <= 100
