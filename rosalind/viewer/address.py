"""The state of a page as the query of an address, and back from any query."""

import dataclasses
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from rosalind.analysis import selection
from rosalind.analysis.scope import Scope
from rosalind.analysis.selection import OPERATIONS, check_rule, to_json
from rosalind.analysis.sides import Cell
from rosalind.analysis.similarity import DISTANCE_MODES
from rosalind.analysis.store import Store
from rosalind.config import unknown, with_noun
from rosalind.viewer.state import LAYOUTS, Choices, State, checked_pins, default, selected, with_choices, with_scope

Parser = Callable[[str], Any]
"""From the text of a query to the value of a field; ValueError where the text is not allowed."""


BESIDE = ("token", "view")
"""Names of a page's address that are no part of its state."""


def state_of(store: Store, link: str, choices: Choices) -> State:
    """The state of a link that was copied from a page, or of its query; the default one of an empty link.

    Raises:
        ValueError: it is no address, a part of it is not understood, or nothing has been measured.
    """
    check_link(link, store, choices)
    state, problems = from_query(store, query_of(link), choices)
    if problems:
        raise ValueError(" ".join(f"{problem}." for problem in problems))
    return state


def scope(store: Store, link: str, choices: Choices) -> Scope:
    """The scope of a link, for figures; errors are those of `state_of`.

    Where nothing is selected, the samples are those of the class filter, or all.
    """
    state = state_of(store, link, choices)
    mask = selected(store, state)
    if not mask.any():
        mask = selection.shown(store, state.true_class)
    rule = selection.describe_rule(store, state.rule) if selected(store, state).any() else ""
    of_class = "" if state.true_class is None else with_noun("class", store.class_names[state.true_class])
    return Scope(
        state.a,
        state.b,
        state.x,
        state.y,
        raw=state.raw,
        sample=state.primary,
        mask=None if mask.all() else mask,
        rule="; ".join(part for part in (rule, of_class) if part),
        networks=state.networks,
        conditions=state.conditions,
        settings=dict(state.choices),
        pins=state.pins,
        link=to_query(state),
    )


def to_query(state: State) -> str:
    """The state as the query of an address; `from_query` gives it back."""
    parts: dict[str, Any] = {
        "a": "/".join(state.a),
        "b": "/".join(state.b),
        "x": state.x,
        "y": state.y,
        "sample": "none" if state.primary is None else state.primary,
    }
    if state.true_class is not None:
        parts["class"] = state.true_class
    if state.rule:
        parts["rule"] = json.dumps([to_json(step) for step in state.rule], separators=(",", ":"))
    for name in ("networks", "conditions"):
        if chosen := getattr(state, name):
            parts[name] = json.dumps(chosen, separators=(",", ":"))
    if state.pins:
        parts["pins"] = json.dumps(["/".join(pin) for pin in state.pins], separators=(",", ":"))
    for field in dataclasses.fields(State):
        value = getattr(state, field.name)
        if field.name in ("mode", "raw", "null", "operation", "theme", "layout") and value != field.default:
            parts[field.name] = 1 if value is True else value
    return urlencode({**parts, **dict(state.choices)})


def query_of(link: str) -> dict[str, str]:
    """The query of a link or a query itself, by name."""
    return dict(parse_qsl(link.rpartition("?")[2]))


def check_link(link: str, store: Store, choices: Choices) -> None:
    """Raise ValueError for words that are neither empty, nor an address, nor a query with a name of a page's."""
    if link and "://" not in link and not query_of(link).keys() & {*_parsers(store), *choices, *BESIDE}:
        raise ValueError(
            "a link must be the address of a page, copied from `rosalind view`, or its query such as "
            f"a=NETWORK/CONDITION&b=NETWORK/CONDITION; got {link[:80]!r}."
        )


def _parsers(store: Store) -> dict[str, tuple[str, Parser]]:
    """By name in a query: the field of the state, and what reads it."""

    def cell(text: str) -> Cell:
        network, slash, condition = text.partition("/")
        if not slash:
            raise ValueError(f"{text[:80]!r} is not NETWORK/CONDITION")
        return store.check((network, condition))

    def one_of(kind: str, allowed: Collection[str]) -> Parser:
        def parse(text: str) -> str:
            if text not in allowed:
                raise ValueError(unknown(kind, text[:40], allowed))
            return text

        return parse

    def number(limit: int) -> Parser:
        def parse(text: str) -> int:
            if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) >= limit:
                raise ValueError(f"{text[:20]!r} is not a number below {limit}")
            return int(text)

        return parse

    def sample(text: str) -> int | None:
        return None if text == "none" else number(int(store.ids.max()) + 1)(text)

    def listed(text: str) -> tuple[str, ...]:
        names = json.loads(text)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{text[:40]!r} is not a list of names")
        return tuple(names)

    def pinned(text: str) -> tuple[Cell, ...]:
        return checked_pins(store, map(cell, listed(text)))

    return {
        "a": ("a", cell),
        "b": ("b", cell),
        "x": ("x", one_of("measure", store.measures)),
        "y": ("y", one_of("measure", store.measures)),
        "class": ("true_class", number(len(store.class_names))),
        "sample": ("primary", sample),
        "mode": ("mode", one_of("mode", DISTANCE_MODES)),
        "theme": ("theme", one_of("theme", ("light", "dark"))),
        "layout": ("layout", one_of("layout", LAYOUTS)),
        "operation": ("operation", one_of("operation", OPERATIONS)),
        "networks": ("networks", listed),
        "conditions": ("conditions", listed),
        "pins": ("pins", pinned),
        "raw": ("raw", lambda text: text == "1"),
        "null": ("null", lambda text: text == "1"),
        "rule": ("rule", lambda text: check_rule(store, json.loads(text))),
    }


def from_query(store: Store, query: Mapping[str, str], choices: Choices) -> tuple[State, list[str]]:
    """The state of an address, and one sentence, without its full stop, for each part of it that is not usable.

    Broken and hostile parts fall back to the default: nothing of an address is ever run, opened as a path or shown
    unescaped.
    """
    state, errors, parsers = default(store), [], _parsers(store)
    for name, text in query.items():
        try:
            if name in parsers:
                field, parse = parsers[name]
                state = dataclasses.replace(state, **{field: parse(text)})
            elif name in choices:
                state = with_choices(state, {name: text}, choices)
        except (ValueError, TypeError, KeyError, OSError, RecursionError) as error:
            errors.append(f"The address's {name} was not understood ({error})")
    return with_scope(store, state), errors
