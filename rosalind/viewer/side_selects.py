"""The lists that choose one side: method, sparsity, seed or all seeds, corruption, severity; and a search over all."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from bokeh.layouts import column, row
from bokeh.models import AutocompleteInput, Column, Select

from rosalind.analysis.robustness import SeedGroup
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.results import ConditionInfo

ALL = "all seeds"
WIDE: dict[str, Any] = {"sizing_mode": "stretch_width"}
NARROW: dict[str, Any] = {"width": 68}
FOUND = 12
"""Most names that a search lists."""


class SideSelects:
    """Five lists for one side, each with what the ones before it leave; what can stay stays when one changes."""

    def __init__(self, store: Store, side: str, choose: Callable[[Cell], None]):
        """
        Args:
            store: of the study.
            side: `a` or `b`.
            choose: called with a cell when a reader picks something.
        """
        self.store, self.side, self._choose, self._showing = store, side, choose, False
        self.cell: Cell = ("", "")
        """What the lists show."""
        letter = side.upper()
        self.method, self.sparsity, self.seed, self.corruption, self.severity = (
            Select(title=f"{letter}: {title}", name=f"{side}-{title}", options=[], **width)
            for title, width in (
                *(("method", WIDE), ("sparsity", NARROW), ("seed", WIDE), ("condition", WIDE), ("severity", NARROW)),
            )
        )
        search: Any = {"search_strategy": "includes", "case_sensitive": False, "restrict": True}
        search |= {"max_completions": FOUND, "min_characters": 1, **WIDE}
        self.find = AutocompleteInput(placeholder=f"find {letter} by name", name=f"{side}-find", **search)
        for widget in (self.method, self.sparsity, self.seed):
            widget.on_change("value", lambda attr, old, new: self._pick_network())
        self.corruption.on_change("value", lambda attr, old, new: self._pick_corruption())
        self.severity.on_change("value", lambda attr, old, new: self._pick(self.cell[0], new))
        self.find.on_change("value", lambda attr, old, new: self._search(new))
        self.refill()

    @property
    def root(self) -> Column:
        """The lists as they stand in the rail, beside a bar in the colour of the side."""
        pairs = [row(*pair, **WIDE) for pair in ((self.method, self.sparsity), (self.corruption, self.severity))]
        bar: Any = {"border-left": f"3px solid var(--side-{self.side})", "padding-left": "4px", "margin-bottom": "8px"}
        return column(self.find, pairs[0], self.seed, pairs[1], styles=bar, **WIDE)

    @property
    def widgets(self) -> dict[str, Select | AutocompleteInput]:
        """The lists by name."""
        parts = (self.method, self.sparsity, self.seed, self.corruption, self.severity, self.find)
        return {str(part.name): part for part in parts}

    def refill(self) -> None:
        """Offer what the study has now."""
        groups = list(self.store.sides.groups_by_id)
        self.find.completions = [*groups, *self.store.networks, *self.store.conditions]

    def show(self, cell: Cell) -> None:
        """Show a cell, with the lists that it leaves."""
        group = self.store.sides.group(cell[0])
        sparsities = [one for one in self.store.sides.groups if one.method == group.method]
        infos = self.store.results.conditions
        alike = [c for c in self.store.conditions if infos[c].name == infos[cell[1]].name]
        self._showing, self.cell = True, cell
        methods = list(dict.fromkeys(one.method for one in self.store.sides.groups))
        _set(self.method, methods, group.method)
        _set(self.sparsity, list(dict.fromkeys(_sparsity(one) for one in sparsities)), _sparsity(group))
        _set(self.seed, self._seeds(group), cell[0])
        _set(self.corruption, list(dict.fromkeys(infos[c].name for c in self.store.conditions)), infos[cell[1]].name)
        _set(self.severity, [(c, _severity(infos[c])) for c in alike], cell[1])
        self.find.value = ""
        self._showing = False

    def _seeds(self, group: SeedGroup) -> list[tuple[str, str]]:
        """The sides of a group with their labels, the group itself first."""
        infos, several = self.store.results.networks, self.store.sides.id_of(group)
        names = [(n, n if infos[n].seed is None else f"seed {infos[n].seed}") for n in group.networks]
        return [(several, ALL), *names] if several in self.store.sides.groups_by_id else names

    def _pick_network(self) -> None:
        """A side of the method and sparsity chosen, with the seed that was chosen before where there is one."""
        if self._showing:
            return
        groups = [one for one in self.store.sides.groups if one.method == self.method.value]
        group = next((one for one in groups if _sparsity(one) == self.sparsity.value), groups[0])
        seeds = dict(self._seeds(group))
        if self.seed.value in seeds:
            self._pick(self.seed.value, self.cell[1])
            return
        # As offered: the network may have left the study since.
        before = dict(cast(Any, self.seed.options))[self.seed.value]
        name = next((name for name, label in seeds.items() if label == before), next(iter(seeds)))
        self._pick(name, self.cell[1])

    def _pick_corruption(self) -> None:
        """The condition of a corruption that is as severe as the one before, else its first."""
        infos = self.store.results.conditions
        alike = [c for c in self.store.conditions if infos[c].name == self.corruption.value]
        same = [c for c in alike if infos[c].severity == infos[self.cell[1]].severity] if not self._showing else []
        if alike:
            self._pick(self.cell[0], (same or alike)[0])

    def _search(self, text: str) -> None:
        if text in self.store.conditions:
            self._pick(self.cell[0], text)
        elif text in self.store.networks or text in self.store.sides.groups_by_id:
            self._pick(text, self.cell[1])

    def _pick(self, network: str, condition: str) -> None:
        if not self._showing and (network, condition) != self.cell:
            self._choose((network, condition))


def _set(select: Select, options: Sequence[Any], value: str) -> None:
    """Other options and the value at once: between them the value would be none of the options."""
    if select.options != options or select.value != value:
        select.update(options=list(options), value=value)
    select.disabled = len(options) < 2


def _sparsity(group: SeedGroup) -> str:
    return f"{group.sparsity:g}" if group.sparsity > 0 else "none"


def _severity(info: ConditionInfo) -> str:
    """The part of a condition's name that tells it from others of its corruption."""
    parts = ["-" if info.is_clean else f"{info.severity:g}"]
    parts += [f"draw {info.draw}"] * bool(info.draw) + [str(info.bn)] * (info.bn != "train")
    return ", ".join(parts)
