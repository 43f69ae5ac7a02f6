"""Networks of several seeds made side by side, each training that they have in common as one under `vmap`."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from rosalind import training
from rosalind.config import Study
from rosalind.progress import Advance
from rosalind.study import networks
from rosalind.study.networks import Fit
from rosalind.study.planning import Task

Together = Callable[[Sequence[training.Run]], Sequence[training.Fitted | Exception]]
"""A function that carries out runs of one kind, see `training.kind`."""


class _Ended(BaseException):
    """Raised in the threads of functions whose results nobody waits for any more."""


@dataclass
class _Thread:
    """A function in a thread of its own, which stands still but between `resume` and the next run that it asks for."""

    function: Callable[[Fit], Any]
    answers: SimpleQueue = field(default_factory=SimpleQueue)
    asked: SimpleQueue = field(default_factory=SimpleQueue)
    outcome: Any = None

    def _fit(self, *arguments: Any, **settings: Any) -> training.Fitted:
        self.asked.put(training.Run(*arguments, **settings))
        answer = self.answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _run(self) -> None:
        try:
            self.outcome = self.function(self._fit)
        except BaseException as error:
            self.outcome = error
        self.asked.put(None)

    def begin(self) -> training.Run | None:
        # A daemon: one that is never resumed must not keep the process from its end.
        threading.Thread(target=self._run, daemon=True).start()
        return self.asked.get()

    def resume(self, answer: training.Fitted | BaseException) -> training.Run | None:
        """Give the last run its result or error, and wait for the next; None where the function has ended."""
        self.answers.put(answer)
        return self.asked.get()


def side_by_side(functions: Sequence[Callable[[Fit], Any]], together: Together) -> list[Any]:
    """The results of functions, or their errors; the trainings that they ask for at the same time are done as one.

    Only one function runs at a time: each until it trains, then the next. When all wait, runs of one kind are carried
    out by `together`, others by `training.fit`.

    Args:
        functions: each calls the `fit` that it is given in place of `training.fit`.
        together: of two runs or more.
    """
    threads = [_Thread(function) for function in functions]
    waiting: dict[int, training.Run] = {}

    def note(number: int, run: training.Run | None) -> None:
        if run is None:
            waiting.pop(number, None)
        else:
            waiting[number] = run

    try:
        for number, thread in enumerate(threads):
            note(number, thread.begin())
        while waiting:
            for group in _alike(waiting):
                runs = [waiting[number] for number in group]
                answers = together(runs) if len(runs) > 1 else [_one(runs[0])]
                for number, answer in zip(group, answers, strict=True):
                    note(number, threads[number].resume(answer))
    finally:
        # Their `with` blocks end: leases are given back.
        for number in waiting:
            threads[number].resume(_Ended())
    return [thread.outcome for thread in threads]


def _alike(runs: Mapping[int, training.Run]) -> list[list[int]]:
    """The numbers of runs by kind; each that has none alone."""
    parts: dict[Any, list[int]] = {}
    for number, run in runs.items():
        kind = training.kind(run)
        parts.setdefault(number if kind is None else kind, []).append(number)
    return list(parts.values())


def _one(run: training.Run) -> training.Fitted | Exception:
    try:
        return training.fit_one(run)
    except Exception as error:
        return error


def faster(runs: Sequence[training.Run]) -> list[training.Fitted | Exception]:
    """The results of runs of one kind in the way that takes less time on this device, see `training.speedup`."""
    if training.speedup(runs) > 1:
        return list(training.fit_together(runs))
    return [_one(run) for run in runs]


def train(study: Study, folder: Path, tasks: Sequence[Task], always: bool, advance: Advance | None = None) -> bool:
    """Make the networks of tasks that are missing, equal trainings as one; False where another process makes some.

    Args:
        tasks: of one label, one per seed.
        always: under `vmap`, whether it is faster or not; else where it is, see `faster`.

    Raises:
        Exception: the first error of a task; all others have been carried out.
    """
    if len(tasks) == 1:
        return networks.train(study, folder, tasks[0], advance)
    functions = [lambda fit, task=task: networks.train(study, folder, task, advance, fit=fit) for task in tasks]
    outcomes = side_by_side(functions, training.fit_together if always else faster)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return all(outcomes)


def groups(tasks: Sequence[Task]) -> list[tuple[Task, ...]]:
    """Tasks by label, in their order: those that differ in their seed alone."""
    labels = dict.fromkeys(task.label for task in tasks)
    return [tuple(task for task in tasks if task.label == label) for label in labels]
