"""The words of the page that a reader may not know, each in a sentence, and which views use them."""

TERMS = {
    "angle": "Between a sample's features and the direction of its class in the last layer; smaller is closer.",
    "norm": "Length of a sample's features before the last layer; longer is more confident.",
    "units": "Norms and margins are divided by the spread of each network's features, so that networks compare.",
    "margin": "Signed distance of a sample to the nearest decision boundary; below 0 it is misclassified.",
    "null": "What no difference looks like: two dense networks that differ in the seed, or two draws of a condition.",
    "likeness": "How alike two layers' activations are, by CKA or neighbours, beyond what the classes alone give.",
    "effective robustness": "Accuracy above that of dense networks with the same clean accuracy, under the condition.",
    "power": "The smallest difference that so many samples or seeds show in 4 of 5 cases, at level 5 %.",
    "tau": "Kendall's rank correlation: 1 where two numbers order the networks alike, -1 the other way round.",
    "Pareto front": "Networks than which no other is nowhere worse in accuracies and bytes, and somewhere better.",
    "prune potential": "The largest sparsity that costs no more than so much accuracy against the dense parent.",
    "exemplar": "A sample that most networks of a group predict otherwise than most of their dense parents.",
    "forgotten": "Right at a step and wrong at the next, as severity or sparsity grows.",
}
"""Terms with their sentences."""

OF = {
    "evaluation": ("margin", "null", "effective robustness", "power"),
    "severities": ("margin", "effective robustness"),
    "breakdown": ("null", "power"),
    "lineage": (),
    "pareto": ("Pareto front", "null"),
    "potential": ("prune potential",),
    "similarity": ("angle", "norm", "margin", "null"),
    "redundancy": (),
    "claims": ("null", "power"),
    "local": ("angle", "norm", "units", "null", "power"),
    "distributions": ("angle", "norm", "margin", "null"),
    "global": ("angle", "norm", "margin", "units"),
    "classes": ("angle", "null", "power"),
    "collapse": ("angle", "null"),
    "explained": ("margin", "null"),
    "samples": ("margin", "units", "null", "exemplar"),
    "attribution": ("angle", "norm", "margin"),
    "sample": ("margin", "units", "exemplar", "forgotten"),
    "layers": ("null",),
    "layer_likeness": ("likeness", "null"),
    "path": ("null",),
    "correlates": ("tau",),
}
"""The terms of each view."""
