"""Results whose cells are given predictions."""

from pathlib import Path

import numpy as np

from rosalind import results


def fake_results(conditions, predictions, networks=None, classes=2, table="cifar"):
    """Results whose cells are given predictions, without a folder."""
    labels = np.zeros(len(next(iter(predictions.values()))), np.int16)
    infos = networks or {"net": {}}
    infos = {
        name: results.NetworkInfo.from_json(
            Path(name),
            {
                "model": "m",
                "method": "dense",
                "options": {},
                "label": name,
                "family": "dense",
                "seed": 0,
                "sparsity": 0.0,
                "sparsity_requested": 0.0,
                "parent": None,
                "parameters": None,
                "nonzero": None,
                "unit": 1.0,
                "hash": "",
                "fingerprint": "",
                **info,
            },
        )
        for name, info in infos.items()
    }
    conditions = {name: results.ConditionInfo.from_json(Path(name), info) for name, info in conditions.items()}

    class Fake(results.Results):
        def cells(self, **_):
            return list(predictions)

        @property
        def labels(self):
            return labels

        def labels_of(self, condition):
            return labels

        def geometry(self, network, condition, keys=None):
            predicted = np.asarray(predictions[network, condition], np.int16)
            count = len(predicted)
            zeros = np.zeros(count, np.float32)
            logits = np.zeros((count, 2), np.float32)
            logits[np.arange(count), predicted] = 1
            cell = dict.fromkeys(("norm", "angle", "angle_centred", "angle_class_mean"), zeros)
            cell |= {"logits": logits, "prediction": predicted, "rival": predicted, "margin": zeros}
            return cell | {
                "margin_predicted": zeros,
                "angle_agreement": np.ones(()),
                "bias_share": np.zeros(()),
            }

    study = {"class_names": [str(k) for k in range(classes)], "table": table}
    return Fake(Path("nowhere"), study, infos, conditions)


def condition_info(name="fog", severity=1, sets=("common15", "common19"), **changes):
    kind = "clean" if name == "clean" else "corruption"
    info = {"name": name, "kind": kind, "severity": severity, "sets": list(sets), "bn": "train"}
    info |= {
        "group": "weather",
        "order": 0,
        "draw": 0,
        "table": "cifar",
        "options": {},
        "source": "generated",
    }
    return {**info, **changes}
