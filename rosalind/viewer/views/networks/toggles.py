"""Legends whose entries are switches: families of methods, categories of corruptions, severities and seeds."""

from collections.abc import Sequence

import numpy as np
from bokeh.models import CheckboxButtonGroup, InlineStyleSheet

from rosalind.analysis.store import Store
from rosalind.viewer.state import Choices
from rosalind.viewer.views.frame import Change, Frame

SWITCH = ("shown", "hidden")
"""The values of the choice behind an entry."""

MOST = 16
"""Largest number of entries of a legend; a longer one would be a wall, and is left out."""

TITLES = {"family": "family of methods", "category": "kind of corruption", "severity": "severity", "seed": "seed"}


def entries(store: Store) -> dict[str, tuple[str, ...]]:
    """The entries of every legend; legends of one entry, or of too many, are left out."""
    networks, conditions = store.results.networks.values(), store.results.conditions.values()
    severities = sorted({info.severity for info in conditions if not info.is_clean})
    values = {
        "family": tuple(dict.fromkeys(info.family for info in networks)),
        "category": tuple(dict.fromkeys(info.category for info in conditions)),
        "severity": tuple(f"{severity:g}" for severity in severities),
        "seed": tuple(str(seed) for seed in sorted({info.seed for info in networks if info.seed is not None})),
    }
    return {kind: names for kind, names in values.items() if 1 < len(names) <= MOST}


def choices(store: Store, prefix: str) -> Choices:
    """The choice behind every entry: `<prefix>-<legend>-<entry>`, in `SWITCH`."""
    return {f"{prefix}-{kind}-{name}": SWITCH for kind, names in entries(store).items() for name in names}


def hidden(frame: Frame, prefix: str) -> dict[str, set[str]]:
    """The entries of every legend that are switched off; legends that are all on, or all off, are left out."""
    state = dict(frame.state.choices)
    off = {
        kind: {name for name in names if state.get(f"{prefix}-{kind}-{name}") == SWITCH[1]}
        for kind, names in entries(frame.store).items()
    }
    return {kind: names for kind, names in off.items() if 0 < len(names) < len(entries(frame.store)[kind])}


def visible(store: Store, members: Sequence[tuple[tuple[str, str], ...]], off: dict[str, set[str]]) -> np.ndarray:
    """bool[q]: the points none of whose traits is switched off; a mean over seeds or severities has no such trait.

    Args:
        store: of the study.
        members: the measured cells of every point.
        off: of `hidden`.
    """
    networks, conditions = store.results.networks, store.results.conditions
    mask = np.ones(len(members), bool)
    for k, cells in enumerate(members):
        infos = [(networks[network], conditions[condition]) for network, condition in cells]
        traits = {
            "family": {network.family for network, _ in infos},
            "category": {condition.category for _, condition in infos},
            "severity": {f"{condition.severity:g}" for _, condition in infos if not condition.is_clean},
            "seed": {str(network.seed) for network, _ in infos},
        }
        mask[k] = not any(len(traits[kind]) == 1 and traits[kind] <= names for kind, names in off.items())
    return mask


class Toggles:
    """A row of switches per legend."""

    def __init__(self, frame: Frame, change: Change, prefix: str, signs: dict[str, dict[str, str]], colours: list[str]):
        """
        Args:
            frame, change: of the page.
            prefix: of the names of the choices.
            signs: by legend and entry a sign before its name.
            colours: of the families' signs.
        """
        self.change, self.prefix, self.entries = change, prefix, entries(frame.store)
        self.groups: dict[str, CheckboxButtonGroup] = {}
        for kind, names in self.entries.items():
            labels = [f"{signs.get(kind, {}).get(name, '')} {name}".strip() for name in names]
            if kind in ("severity", "seed"):
                labels = [f"{kind} {label}" if not k else label for k, label in enumerate(labels)]
            group = CheckboxButtonGroup(labels=labels, active=list(range(len(names))), name=f"{prefix}-{kind}")
            group.stylesheets = [InlineStyleSheet(css=_style(colours[: len(names)] if kind == "family" else ()))]
            group.html_attributes = {"role": "group", "aria-label": f"{TITLES[kind]}: shown"}
            group.on_change("active", lambda attr, old, new, kind=kind: self._choose(kind, new))
            self.groups[kind] = group

    def _choose(self, kind: str, active: Sequence[int]) -> None:
        wanted = {
            f"{self.prefix}-{kind}-{name}": SWITCH[k not in set(active)] for k, name in enumerate(self.entries[kind])
        }
        self.change(choices=wanted)

    def update(self, frame: Frame) -> None:
        """Show what the state has switched off."""
        state = dict(frame.state.choices)
        for kind, group in self.groups.items():
            names = [f"{self.prefix}-{kind}-{name}" for name in self.entries[kind]]
            active = [k for k, name in enumerate(names) if state.get(name) != SWITCH[1]]
            if sorted(group.active) != active:
                group.active = active


def _style(colours: Sequence[str]) -> str:
    """Switches that are off are struck through; the first letter of a family has its colour."""
    rules = [
        ".bk-btn { padding: 2px 8px; font-size: 12px; }",
        ".bk-btn:not(.bk-active) { opacity: .6; text-decoration: line-through; }",
        ".bk-btn.bk-active { box-shadow: none; }",
        # They are the figure's legend, and are there on paper, where other buttons are not.
        "@media print { .bk-btn.bk-btn { display: inline-block; } }",
    ]
    rules += [f".bk-btn:nth-child({k})::first-letter {{ color: {colour}; }}" for k, colour in enumerate(colours, 1)]
    return "\n".join(rules)
