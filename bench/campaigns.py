"""Measure campaign effects from sums against the same estimates from rows.

``python bench/campaigns.py --write`` runs both in processes of their own, side by side, holds
estimates and standard errors to each other and ends with an error if a limit is not kept.
Adding up the rows counts; imports and making the data do not.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import measure
from measure import Limit, Run

if TYPE_CHECKING:
    import polars as pl

SAME = 1e-8  # relative
OURS, ROWS = 1_000, 20  # replicates of the bootstrap; the rows' time is told for as many as ours
# Task, rows: at least so many times cheaper.
TASKS = {
    ("glm", 1_000_000): 100,
    ("ols", 1_000_000): 3,
    ("ols", 10_000_000): 3,
    ("bootstrap", 1_000_000): 50,
    ("bootstrap", 10_000_000): 50,
}
WORDS = {
    "glm": "binomial GLM on arm and segment",
    "ols": "least squares on arm and pre value (CUPED)",
    "bootstrap": "bootstrap of a difference of rates",
}


def data(rows: int) -> pl.DataFrame:
    """Make an experiment of two arms and five segments."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(7)
    treated, segment = rng.random(rows) < 0.5, rng.integers(0, 5, rows)
    before = rng.gamma(2, 20, rows)
    bought = rng.random(rows) < 0.1 + 0.01 * treated + 0.01 * segment
    spend = np.where(bought, before + rng.gamma(2, 30, rows), 0.0)
    arm = pl.Series(treated).replace_strict({False: "control", True: "treated"})
    return pl.DataFrame(
        {"arm": arm, "segment": pl.Series(segment).cast(pl.String), "bought": bought.astype(float),
         "spend": spend, "pre": before}
    )  # fmt: skip


# --- Ours -----------------------------------------------------------------------------------------


def ours_glm(rows: pl.DataFrame) -> list[float]:
    """Fit the cells of arm and segment."""
    from crmlib.campaigns import cells, grouped

    summed = cells.of_rows(rows, ["bought"], {}, segment="segment")
    term = grouped.logistic(summed, "control")["treated"]
    return [term.estimate, term.error]


def ours_ols(rows: pl.DataFrame) -> list[float]:
    """Solve from centred sums."""
    from crmlib.campaigns import cells, grouped

    summed = cells.of_rows(rows, ["spend"], {"spend": "pre"})
    term = grouped.linear(summed, "control")["treated"]
    return [term.estimate, term.error]


def ours_bootstrap(rows: pl.DataFrame) -> list[float]:
    """Draw counts."""
    import numpy as np

    from crmlib.campaigns import bootstrap, cells

    summed = cells.of_rows(rows, ["bought"], {})
    told = {a: cells.moments(summed.filter(arm=a)) for a in ("treated", "control")}
    counts = [x for m in told.values() for x in (round(m.n * m.mean), m.n)]
    found = bootstrap.by_counts(*counts, rng=np.random.default_rng(1))
    return [found.difference, found.error]


# --- Rows -----------------------------------------------------------------------------------------


def rows_glm(rows: pl.DataFrame) -> list[float]:
    """Fit every row with statsmodels."""
    import numpy as np
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    columns = [np.ones(rows.height), (rows["arm"] == "treated").to_numpy()]
    columns += [(rows["segment"] == s).to_numpy() for s in "1234"]
    design = np.column_stack(columns).astype(float)
    fitted = GLM(rows["bought"].to_numpy(), design, Binomial()).fit()
    return [float(fitted.params[1]), float(fitted.bse[1])]


def rows_ols(rows: pl.DataFrame) -> list[float]:
    """Fit every row with statsmodels."""
    import numpy as np
    from statsmodels.regression.linear_model import OLS

    treated = (rows["arm"] == "treated").to_numpy()
    design = np.column_stack([np.ones(rows.height), treated, rows["pre"].to_numpy()])
    fitted = OLS(rows["spend"].to_numpy(), design.astype(float)).fit()
    return [float(fitted.params[1]), float(fitted.bse[1])]


def rows_bootstrap(rows: pl.DataFrame) -> list[float]:
    """Draw customers."""
    import numpy as np

    rng = np.random.default_rng(1)
    arms = [rows["bought"].filter(rows["arm"] == a).to_numpy() for a in ("treated", "control")]
    draws = []
    for _ in range(ROWS):
        one, zero = (arm[rng.integers(0, len(arm), len(arm))].mean() for arm in arms)
        draws.append(one - zero)
    return [float(arms[0].mean() - arms[1].mean()), float(np.std(draws, ddof=1))]


CONTESTANTS: dict[str, Callable[[pl.DataFrame], list[float]]] = {
    "ours-glm": ours_glm, "rows-glm": rows_glm, "ours-ols": ours_ols, "rows-ols": rows_ols,
    "ours-bootstrap": ours_bootstrap, "rows-bootstrap": rows_bootstrap,
}  # fmt: skip


def child(name: str, rows: int) -> None:
    """Run one contestant, once on little to have everything imported, and print its figures."""
    work = CONTESTANTS[name]
    work(data(1_000))
    frame = data(rows)
    found, figures = measure.timed(lambda: work(frame))
    told = dict(zip(("estimate", "error"), map(repr, found), strict=True))
    print(json.dumps({**figures, "digests": {"": told}}))


def compare(task: str, ours: Run, theirs: Run) -> None:
    """Stop unless both found the same.

    Raises
    ------
    SystemExit
        With both figures. The spread of 20 drawn differences is known to 4 standard errors.
    """
    for name, text in ours.digests[""].items():
        one, other = float(text), float(theirs.digests[""][name])
        rough = task == "bootstrap" and name == "error"
        allowed = 4 / math.sqrt(2 * ROWS) if rough else SAME
        if not math.isclose(one, other, rel_tol=allowed):
            sys.exit(f"{task}: {name} is {one} from sums and {other} from rows")


def main() -> None:
    """Read the arguments; measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--largest", type=int, default=10_000_000)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child[0], int(asked.child[1]))
        return
    rows, limits = [], []
    for (task, size), times in TASKS.items():
        if size > asked.largest:
            continue
        runs: dict[str, list[Run]] = {"ours": [], "rows": []}
        for _ in range(asked.runs):
            for who, done in runs.items():
                arguments = ("--child", f"{who}-{task}", str(size))
                done.append(measure.run(Path(__file__), *arguments))
        compare(task, runs["ours"][0], runs["rows"][0])
        as_many = OURS / ROWS if task == "bootstrap" else 1
        ratio = measure.ratio(runs["ours"], runs["rows"]) / as_many
        limits.append(Limit(f"{WORDS[task]}, {size:,} rows: CPU, ours to rows", ratio, 1 / times))
        cpu = [median(r.cpu for r in done) for done in runs.values()]
        cpu[1] *= as_many
        rows.append(
            [WORDS[task], f"{size:,}", f"{cpu[0]:.4f}", f"{cpu[1]:.3f}", f"{1 / ratio:.0f}"]
        )
    text = "\n\n".join(
        [
            "## Campaign effects\n\nEstimates from sums by arm, adding the rows up included, "
            "against the same from every row (statsmodels; for the bootstrap numpy). Estimates and "
            f"standard errors agree to {SAME:g}. The bootstrap draws {OURS:,} times; of rows "
            f"{ROWS} times were measured and told for {OURS:,}. Their spreads agree within chance.",
            measure.machine("polars", "numpy", "statsmodels"),
            measure.table(["what", "rows", "ours, CPU s", "rows, CPU s", "times"], rows),
            measure.limits_table(limits),
        ]
    )
    print(text)
    if asked.write:
        measure.write_section("campaigns", text)
    sys.exit(any(limit.missed for limit in limits))


if __name__ == "__main__":
    main()
