"""Clusters: whether customers fall into natural groups at all, and into which; for the notebook.

k-means always returns groups. Here its silhouette is compared with that of data which have the
same marginal distributions and the same rank correlations and nothing else (a Gaussian copula):
one cloud, however skewed and correlated. Groups that such a cloud would show too are no groups.
The other verdict says less: the customers are no such cloud, and whether the groups mean something
is for the reader to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from crmlib import i18n
from crmlib.errors import TooFewCustomersError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEATURES = ("days_since_last", "orders", "value_real")


@dataclass(frozen=True, slots=True)
class ClustersSpec:
    """What was asked.

    Attributes
    ----------
    features
        Columns of the customer mart, numbers, of which the logarithm is taken (of 1 more than
        each, what is negative counting as 0), and which are then standardised. Leave out what
        follows from others by arithmetic: for one-time buyers the days since the first and the
        last purchase are the same, which no cloud imitates, and which is no discovery.
    most
        Largest number of groups that is tried.
    customers
        So many are drawn where there are more: the silhouette compares all pairs.
    draws
        Data sets drawn from the single cloud; 39 tell a 5 % verdict with two to spare.
    level
        Confidence of the verdict.
    bootstraps
        Fresh samples of the customers to judge how stable the groups are.
    """

    features: tuple[str, ...] = FEATURES
    most: int = 8
    customers: int = 2_000
    draws: int = 39
    level: float = 0.95
    bootstraps: int = 20

    def __post_init__(self) -> None:
        if len(self.features) < 2 or len(set(self.features)) < len(self.features):
            raise ValueError(f"features must be two or more, each once, got {self.features}")
        if self.most < 2:
            raise ValueError(f"most must be at least 2, got {self.most}")
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {self.level}")
        if (self.draws + 1) * (1 - self.level) < 1 - 1e-9:
            raise ValueError(f"{self.draws} draws are too few for the level {self.level}")


@dataclass(frozen=True, slots=True, eq=False)
class ClustersResult:
    """Groups, and whether they are more than cuts through one cloud.

    Attributes
    ----------
    natural
        Whether the observed silhouette beats all but 1 - level of the single cloud's.
    k, silhouette
        The number of groups with the highest mean silhouette, and that silhouette.
    silhouettes
        ``k``, ``observed``, ``cloud`` (mean over the draws) and ``cloud_high`` (their ``level``
        point).
    p_value
        Share of the draws (with the data) whose best silhouette is as high as the observed.
    stability
        Mean adjusted Rand index between the groups and those of bootstrap samples: 1 when they
        come again, 0 when by chance. A single cloud may be cut the same way each time, so
        stability alone does not make groups natural.
    groups
        ``cluster`` (1: the largest), ``customers``, ``share`` and the median of each feature.
    members
        ``customer_id`` (pseudonym) and ``cluster`` of the customers that were drawn: not for
        boards.
    """

    natural: bool
    k: int
    silhouette: float
    silhouettes: pl.DataFrame
    p_value: float
    stability: float
    groups: pl.DataFrame
    members: pl.DataFrame = field(repr=False)
    spec: ClustersSpec = field(default_factory=ClustersSpec)

    def headline(self, lang: str) -> str:
        """Say whether there are natural groups."""
        seen = i18n.number(self.silhouette, lang, 2)
        best = self.silhouettes.filter(pl.col("k") == self.k)["cloud_high"][0]
        fields = {
            "k": i18n.number(self.k, lang),
            "seen": seen,
            "cloud": i18n.number(best, lang, 2),
        }
        if not self.natural:
            return i18n.text(
                "No natural groups: cut into {k}, customers are no more apart (silhouette "
                "{seen}) than one cloud of customers is ({cloud}). Segments are a choice.",
                lang,
                **fields,
            )
        return i18n.text(
            "{k} natural groups: their silhouette is {seen}, that of one cloud of customers at "
            "most {cloud}; samples of the customers give the same groups again with an adjusted "
            "Rand index of {stability}.",
            lang,
            **fields,
            stability=i18n.number(self.stability, lang, 2),
        )


def find(
    customer: pl.DataFrame | pl.LazyFrame,
    spec: ClustersSpec | None = None,
    *,
    rng: np.random.Generator,
) -> ClustersResult:
    """Look for groups of customers, and compare what is found with a single cloud.

    Parameters
    ----------
    customer
        The customer mart or a window of it; customers without a purchase are left out.
    spec
        Features and effort.
    rng
        Source of randomness: which customers are drawn, the cloud, the starts of k-means.

    Raises
    ------
    TooFewCustomersError
        With fewer than ten customers for each of ``spec.most`` groups.
    """
    import numpy as np

    spec = spec or ClustersSpec()
    people = _people(customer, spec, rng)
    raw = people.select(spec.features).cast(pl.Float64).to_numpy()
    data = _standard(np.log1p(np.maximum(raw, 0.0)))
    observed, labels = _silhouettes(data, spec, rng)
    cloud = np.array([_silhouettes(_cloud(data, rng), spec, rng)[0] for _ in range(spec.draws)])
    best = int(np.argmax(observed))
    as_high = int((cloud.max(axis=1) >= observed[best]).sum())
    p_value = (1 + as_high) / (1 + spec.draws)
    members = people.select("customer_id", cluster=_by_size(labels[best]))
    return ClustersResult(
        natural=p_value <= 1 - spec.level + 1e-9,
        k=best + 2,
        silhouette=float(observed[best]),
        silhouettes=pl.DataFrame(
            {
                "k": list(range(2, spec.most + 1)),
                "observed": observed,
                "cloud": cloud.mean(axis=0),
                "cloud_high": np.quantile(cloud, spec.level, axis=0),
            }
        ),
        p_value=p_value,
        stability=_stability(data, labels[best], spec, rng),
        groups=_groups(people, members, spec.features),
        members=members,
        spec=spec,
    )


def _people(
    customer: pl.DataFrame | pl.LazyFrame, spec: ClustersSpec, rng: np.random.Generator
) -> pl.DataFrame:
    bought = (
        customer.lazy()
        .filter(pl.col("purchase_days") > 0)
        .select("customer_id", *spec.features)
        .drop_nulls()
        .sort("customer_id")
        .collect()
    )
    if bought.height < 10 * spec.most:
        raise TooFewCustomersError(
            i18n.mark("{n} customers are too few to look for up to {most} groups"),
            n=bought.height,
            most=spec.most,
        )
    if bought.height <= spec.customers:
        return bought
    return bought[sorted(rng.choice(bought.height, spec.customers, replace=False))]


def _standard(data: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give every column mean 0 and spread 1; one that does not vary stays 0."""
    spread = data.std(axis=0)
    return (data - data.mean(axis=0)) / [s if s > 0 else 1.0 for s in spread]


def _cloud(data: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw data with the same columns, each in another order, and the same rank correlations.

    A Gaussian copula with the correlation r of Spearman's rho: r = 2 sin(pi rho / 6) (Pearson
    1907). The values of each column are set in the order of the normal draws, so its
    distribution is not just alike but the same.
    """
    import numpy as np
    from scipy.stats import rankdata

    with np.errstate(divide="ignore", invalid="ignore"):  # a column that does not vary
        rho = np.corrcoef(rankdata(data, axis=0), rowvar=False)
    rho = np.where(np.isfinite(rho), rho, 0.0)
    np.fill_diagonal(rho, 1.0)
    values, vectors = np.linalg.eigh(2 * np.sin(np.pi * rho / 6))
    # The sines of a correlation matrix may be a little short of one: no negative variances.
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = rng.standard_normal(data.shape) @ root.T
    order = np.argsort(np.argsort(normal, axis=0), axis=0)
    return np.take_along_axis(np.sort(data, axis=0), order, axis=0)


def _silhouettes(
    data: NDArray[np.float64], spec: ClustersSpec, rng: np.random.Generator
) -> tuple[NDArray[np.float64], list[NDArray[np.int_]]]:
    """Give the mean silhouette and the groups for each number of groups from 2 on."""
    import numpy as np
    from sklearn.metrics import silhouette_score

    labels = [_kmeans(data, k, rng).labels_ for k in range(2, spec.most + 1)]
    scores = [silhouette_score(data, at) if len(set(at)) > 1 else -1.0 for at in labels]
    return np.array(scores), labels


def _kmeans(data: NDArray[np.float64], k: int, rng: np.random.Generator):  # type: ignore[no-untyped-def]
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=4, random_state=int(rng.integers(2**31))).fit(data)


def _stability(
    data: NDArray[np.float64],
    labels: NDArray[np.int_],
    spec: ClustersSpec,
    rng: np.random.Generator,
) -> float:
    """Give the mean adjusted Rand index of the groups of bootstrap samples, on all customers."""
    import numpy as np
    from sklearn.metrics import adjusted_rand_score

    k = len(set(labels))
    scores = []
    for _ in range(spec.bootstraps):
        sample = data[rng.integers(0, len(data), len(data))]
        scores.append(adjusted_rand_score(labels, _kmeans(sample, k, rng).predict(data)))
    return float(np.mean(scores)) if scores else 0.0


def _by_size(labels: NDArray[np.int_]) -> pl.Series:
    """Give each row the number of its group, 1 for the largest."""
    counts = pl.Series(labels).value_counts(sort=True, name="n")
    order = {int(label): place for place, (label, _) in enumerate(counts.iter_rows(), start=1)}
    return pl.Series([order[int(at)] for at in labels], dtype=pl.Int32)


def _groups(people: pl.DataFrame, members: pl.DataFrame, features: Sequence[str]) -> pl.DataFrame:
    medians = [pl.col(f).cast(pl.Float64).median() for f in features]
    return (
        people.join(members, on="customer_id")
        .group_by("cluster")
        .agg(*medians, customers=pl.len().cast(pl.Int64))
        .sort("cluster")
        .select(
            "cluster",
            "customers",
            *features,
            share=pl.col("customers") / pl.col("customers").sum(),
        )
    )
