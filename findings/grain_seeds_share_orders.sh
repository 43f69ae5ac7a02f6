#!/usr/bin/env bash
# Seeds 0, 1 and 2 of Grain see the same orders of the data, one epoch apart, and the same noise, one sample apart.
#
# Versions:  Python 3.11; grain 0.2.18, torch 2.13.0, numpy 2.4.6.
# Behaviour: the order of an epoch depends on the sum of seed and epoch alone: `MapDataset.shuffle(seed=1)` starts with the
#            second epoch of seed 0, goes on with its third, and so on. So does `IndexSampler`, and the generator that it gives
#            to a random transform depends on the sum of seed and position: what seed 1 adds to its first sample, seed 0 adds
#            to its second. PyTorch's `DistributedSampler` does as Grain does with orders. `MapDataset.seed(1)` before a
#            `shuffle()` without an argument makes unrelated orders.
# A guess:   runs of different seeds have nothing in common but the data; seeds are whole numbers only for short.
# For users: replicates are numbered from 0, and trained for tens of epochs: two neighbours share all of their orders but one,
#            three of them all but two. They are no independent draws of the order, and a test over seeds takes
#            them for such. Give seeds that are further apart than there are epochs (for noise: samples seen), or hash
#            them: `np.random.SeedSequence(seed).generate_state(1)`.
#            rosalind folds the epoch into a key.
#
# Output seen (10 samples, 3 epochs):
#   Grain's shuffle:      orders of seed 1 that seed 0 has too: 2 of 3, of seed 2: 1 of 3
#   Grain's IndexSampler: orders of seed 1 that seed 0 has too: 2 of 3, of seed 2: 1 of 3
#   DistributedSampler:   orders of seed 1 that seed 0 has too: 2 of 3, of seed 2: 1 of 3
#   seed(...).shuffle():  orders of seed 1 that seed 0 has too: 0 of 3, of seed 2: 0 of 3
#   noise of seed 0: 0.159 1.020 -0.650 1.012 0.000 1.438
#   noise of seed 1: 1.020 -0.650 1.012 0.000 1.438 -0.483
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q grain==0.2.18 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - 2>/dev/null <<'EOF'
import grain
import numpy as np
from torch.utils.data import DistributedSampler

SAMPLES, EPOCHS = 10, 3


def by_shuffle(seed):
    return grain.MapDataset.range(SAMPLES).shuffle(seed=seed).repeat(EPOCHS)


def by_sampler(seed):
    sampler = grain.samplers.IndexSampler(SAMPLES, shuffle=True, seed=seed, num_epochs=EPOCHS)
    return [sampler[position].record_key for position in range(SAMPLES * EPOCHS)]


def by_torch(seed):
    sampler = DistributedSampler(range(SAMPLES), num_replicas=1, rank=0, seed=seed)
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        yield from sampler


def by_hash(seed):
    return grain.MapDataset.range(SAMPLES).seed(seed).shuffle().repeat(EPOCHS)


seen = {}
for name, order in (
    ("Grain's shuffle", by_shuffle),
    ("Grain's IndexSampler", by_sampler),
    ("DistributedSampler", by_torch),
    ("seed(...).shuffle()", by_hash),
):
    orders = [np.array(list(order(seed))).reshape(EPOCHS, SAMPLES).tolist() for seed in range(3)]
    assert all(sorted(epoch) == list(range(SAMPLES)) for epochs in orders for epoch in epochs)
    seen[name] = [sum(epoch in orders[0] for epoch in epochs) for epochs in orders[1:]]
    print(
        f"{name + ':':21} orders of seed 1 that seed 0 has too: {seen[name][0]} of {EPOCHS}, "
        f"of seed 2: {seen[name][1]} of {EPOCHS}"
    )
    if order is not by_hash:
        assert orders[1][:-1] == orders[0][1:] and orders[2][0] == orders[0][2], name + " has unrelated seeds now"
    else:
        assert seen[name] == [0, 0], "hashed seeds"


class Noise(grain.transforms.RandomMap):
    def random_map(self, sample, rng):
        return rng.normal()


def noise(seed):
    sampler = grain.samplers.IndexSampler(6, shuffle=True, seed=seed, num_epochs=1)
    return list(grain.DataLoader(data_source=np.arange(6), sampler=sampler, operations=[Noise()]))


drawn = [noise(seed) for seed in range(2)]
for seed, values in enumerate(drawn):
    print(f"noise of seed {seed}:", *(f"{value:.3f}" for value in values))
assert drawn[1][:-1] == drawn[0][1:], "noise of neighbouring seeds is unrelated now"
assert len(set(drawn[0])) == 6
EOF
