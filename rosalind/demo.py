"""The study that `rosalind demo` makes: eight ways of pruning on the embedded digits."""

from rosalind.config import CLEAN, Baseline, Condition, Diagnosis, Method, Study, Train, conditions

CORRUPTIONS = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "zoom_blur",
    "fog",
    "brightness",
    "contrast",
    "pixelate",
    "gaussian_blur",
)
SEVERITIES = (1, 3, 5)
SPARSITIES = (0.8, 0.95)
COMPARED = ("biprop-0.8", "biprop-0.95", "lth-0.95", "dense_short-4")
"""Networks of the first seed that get occlusion maps of the samples on which they differ from the dense one."""

NOISY = Condition("gaussian_noise", 3).id
"""The corruption under which networks are looked into, beside clean images."""

DIAGNOSTICS = (Diagnosis("dead_units", under=(CLEAN, NOISY)), Diagnosis("layer_features"))
"""Units that pruning or noise shuts off, and activations for the likeness of layers: five seconds of one core."""


def study(seeds: tuple[int, ...] = (0, 1, 2)) -> Study:
    """A dense cnn of 56,000 weights per seed and eight methods at two sparsities, paired by seed.

    Of the controls, narrower dense networks are left out: each width is compiled anew, half a minute in all. Dense
    networks of 1 and 4 epochs, 15 of 990 in all, are less accurate on clean images as pruned ones are.

    Retraining after one shot and fine-tuning take 6 epochs at a tenth of the rate; the chains remove
    60 % of what is left per level, so that 0.95 takes four levels.
    """
    short = {"epochs": 6}
    methods = (
        Method("random", SPARSITIES, short),
        Method("magnitude", SPARSITIES, short),
        Method("taylor", SPARSITIES, short),
        Method("snip", SPARSITIES),
        Method("finetune", SPARSITIES, {"rate": 0.6, **short}),
        Method("lth", SPARSITIES, {"rate": 0.6}),
        Method("lrr", SPARSITIES, {"rate": 0.6}),
        Method("biprop", SPARSITIES),
    )
    return Study(
        train=Train(epochs=15, learning_rate=4e-3, crop=1),
        methods=methods,
        conditions=conditions(CORRUPTIONS, SEVERITIES),
        seeds=seeds,
        baselines=(Baseline("dense_short-1", epochs=1), Baseline("dense_short-4", epochs=4)),
        controls=("random", "dense_extended"),
        attribution_conditions=(CLEAN, NOISY),
        attribution_pairs=tuple((f"cnn-dense-seed{seeds[0]}", f"cnn-{name}-seed{seeds[0]}") for name in COMPARED),
        diagnostics=DIAGNOSTICS,
    )
