"""Estimates with intervals, by cluster: samples that share a prompt are not independent.

rates        shares and paired changes         correction  rates behind a judge that errs
resampling   bootstrap, agreement, ranking     forecast    success of N draws from fewer
clusters     what clustered samples are worth  budget      success within q queries
selection    best-of-n from one pool           gao         forms of over-optimisation, turning points
crossed      resampling by prompt and by seed  stopping    stop rules and their record
operating    thresholds for a promised false-alarm rate
"""

from spiritlevel.stats.budget import success_by_budget
from spiritlevel.stats.clusters import effective_n
from spiritlevel.stats.correction import corrected
from spiritlevel.stats.forecast import best_of_n
from spiritlevel.stats.operating import caught_at, needed, promised, upper, worst_of
from spiritlevel.stats.ppi import prediction_powered
from spiritlevel.stats.rates import mcnemar, mean_of, paired_change, rate, wilson
from spiritlevel.stats.resampling import area, auroc, cluster_bootstrap, cohen, debiased_bootstrap, kappa

__all__ = [
    "area",
    "auroc",
    "best_of_n",
    "caught_at",
    "cluster_bootstrap",
    "cohen",
    "corrected",
    "debiased_bootstrap",
    "effective_n",
    "kappa",
    "mcnemar",
    "mean_of",
    "needed",
    "paired_change",
    "prediction_powered",
    "promised",
    "rate",
    "success_by_budget",
    "upper",
    "wilson",
    "worst_of",
]
