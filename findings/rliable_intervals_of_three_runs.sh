#!/usr/bin/env bash
# rliable's 95 % interval of three runs goes, nearly always, from the lowest to the highest run, and holds the true mean in 75 of 100 studies.
#
# Versions:  Python 3.11; rliable 1.2.0, arch 7.2.0, numpy 2.1.3, scipy 1.15.3, pandas 2.2.3.
# Behaviour: `get_interval_estimates` draws runs with replacement, within each task, and takes percentiles. Of one task and three
#            runs, each of the ends is drawn thrice in 1 of 27 draws, more than 2.5 %: the interval is the range of the runs, and
#            the mean lies in a range of three with probability 1 - 2 / 8. Draws of n runs vary by (n - 1) / n too little, so
#            that ten runs hold it in 9 of 10 studies, and 20 tasks of three runs in 83 of 100: more tasks do not mend
#            it. And the interquartile mean of three runs, made for outliers, is their mean: it drops a quarter of each end,
#            rounded down to no run.
# A guess:   a library for "a handful of runs" gives intervals that hold 95 % for a handful, or says from how many on.
# For users: three seeds of each pruned network on one corrupted data set: one "significant" difference in four is none.
#            Use Student's t of the seeds (4.3 standard errors for three), or show the runs themselves.
#
# Output seen (95 % intervals of the mean of normal accuracies, 400 studies of the first kind, 150 of each other):
#   3 runs of 1 task: rliable holds the truth in 0.76 of the studies (is the range of the runs in 0.94), Student's t in 0.94
#   10 runs of 1 task: rliable holds the truth in 0.91 of the studies (is the range of the runs in 0.00), Student's t in 0.95
#   3 runs of 20 tasks: rliable holds the truth in 0.83 of the studies (is the range of the runs in 0.00), Student's t in 0.95
#   interquartile mean of 0.80 0.81 0.20: 0.603; of 0.80 0.81 0.82 0.20: 0.805
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q rliable==1.2.0 arch==7.2.0 numpy==2.1.3 scipy==1.15.3 pandas==2.2.3
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from rliable import library, metrics
from scipy.stats import t

TRUTH = 0.8
draws = np.random.default_rng(0)


def means(scores):
    return np.array([metrics.aggregate_mean(scores)])


for runs, tasks, studies, expected in ((3, 1, 400, 0.75), (10, 1, 150, 0.9), (3, 20, 150, 0.86)):
    held = held_by_t = ranges = 0
    for _ in range(studies):
        scores = draws.normal(TRUTH, 0.02, size=(runs, tasks))
        _, intervals = library.get_interval_estimates({"pruned": scores}, means, reps=1000)
        low, high = intervals["pruned"].ravel()
        held += low <= TRUTH <= high
        ranges += bool(np.isclose(low, scores.min()) and np.isclose(high, scores.max()))
        of_runs = scores.mean(axis=1)
        error = of_runs.std(ddof=1) / runs**0.5
        held_by_t += abs(of_runs.mean() - TRUTH) <= t.ppf(0.975, runs - 1) * error
    print(
        f"{runs} runs of {tasks} task{'s' * (tasks > 1)}: rliable holds the truth in {held / studies:.2f} of the studies "
        f"(is the range of the runs in {ranges / studies:.2f}), Student's t in {held_by_t / studies:.2f}"
    )
    assert abs(held / studies - expected) < 0.08, f"{runs} runs of {tasks}: the intervals are wider now"
    assert held_by_t / studies > 0.9, "Student's t"
    assert (ranges / studies > 0.85) == ((runs, tasks) == (3, 1)), "range of the runs"
three, four = np.array([[0.8], [0.81], [0.2]]), np.array([[0.8], [0.81], [0.82], [0.2]])
print(
    f"interquartile mean of 0.80 0.81 0.20: {metrics.aggregate_iqm(three):.3f}; "
    f"of 0.80 0.81 0.82 0.20: {metrics.aggregate_iqm(four):.3f}"
)
assert abs(metrics.aggregate_iqm(three) - three.mean()) < 1e-12 and abs(metrics.aggregate_iqm(four) - 0.805) < 1e-12
EOF
