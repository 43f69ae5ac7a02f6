"""Units that need another one begin when it is finished, in this process and on an executor."""

import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import jax
import pytest

from rosalind.progress import Progress
from rosalind.study import compilation_cache, units

NEEDS = {"a-pruned": "a", "b-pruned": "b"}


def units_of(*names: str) -> list[units.Unit]:
    return [units.Unit(name, 1, (name,)) for name in names]


@pytest.fixture(params=[1, 2, None], ids=["one worker", "two workers", "this process"])
def executor(request):
    if request.param is None:
        yield None
        return
    with ThreadPoolExecutor(request.param) as pool:
        yield pool


@pytest.fixture
def progress():
    with Progress("training", 5, unit="epochs") as shown:
        yield shown


def test_what_is_needed_is_finished_first(executor, progress):
    begun, finished = [], []

    def function(name, advance=None):
        begun.append((name, NEEDS.get(name) in (None, *finished)))
        finished.append(name)
        return True

    failures = units.each(executor, function, units_of("b-pruned", "a-pruned", "c", "a", "b"), progress, NEEDS)
    assert failures == {}
    assert all(ready for _, ready in begun)
    assert sorted(finished) == ["a", "a-pruned", "b", "b-pruned", "c"]
    assert progress.done == 5


def test_what_needs_a_failed_one_fails_without_a_beginning(executor, progress):
    begun = []

    def function(name, advance=None):
        begun.append(name)
        if name == "a":
            raise FloatingPointError("diverged")
        return True

    failures = units.each(executor, function, units_of("a", "b", "a-pruned", "b-pruned"), progress, NEEDS)
    assert sorted(begun) == ["a", "b", "b-pruned"]
    assert {name: type(error) for name, error in failures.items()} == {
        "a": FloatingPointError,
        "a-pruned": RuntimeError,
    }
    assert progress.done == 4


def test_nothing_waits_for_what_it_does_not_need(progress):
    pruned, seen = threading.Event(), []

    def function(name):
        if name == "b":
            # Finished only after what was made of a, the other dense network.
            seen.append(pruned.wait(20))
        if name == "a-pruned":
            pruned.set()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert units.each(pool, function, units_of("a", "b", "a-pruned", "b-pruned"), progress, NEEDS) == {}
    assert seen == [True]
    assert progress.done == 4


def test_what_needs_a_unit_of_another_process_waits_for_it(executor, progress, monkeypatch, capsys):
    monkeypatch.setattr(units, "PAUSE", 0)
    begun = []

    def function(name, advance=None):
        begun.append(name)
        # Another process has the dense network at first.
        return name != "a" or begun.count("a") > 2

    assert units.each(executor, function, units_of("a", "a-pruned", "b"), progress, NEEDS) == {}
    assert begun.count("a") == 3
    assert begun.index("a-pruned") > len(begun) - 1 - begun[::-1].index("a")
    # Said once, as the other may be on a machine that has gone.
    assert capsys.readouterr().err.count("waiting for a,") == 1


def kept(*_: object) -> dict[str, object]:
    """The compilations that a process keeps."""
    return compilation_cache.settings()


def test_workers_keep_compilations_as_the_process_that_sends_work(tmp_path, progress):
    before = {name: getattr(jax.config, name) for name in compilation_cache.SETTINGS}
    try:
        compilation_cache.use_compilation_cache(str(tmp_path))
        settings = compilation_cache.settings()
        assert list(settings.values()) == [str(tmp_path), 0, -1]
        # One that was begun by somebody else, with jax's own settings.
        clean = {"mp_context": multiprocessing.get_context("spawn"), "initializer": begin_without}
        with ProcessPoolExecutor(1, **clean) as pool:
            assert pool.submit(kept).result() == {}
            assert units.each(pool, keeps, [units.Unit("a", 1, (settings,))], progress) == {}
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def begin_without() -> None:
    """Begin a process without a folder, whatever the environment says."""
    jax.config.update("jax_compilation_cache_dir", None)


def keeps(settings: dict[str, object]) -> bool:
    """True in a process with these settings."""
    assert kept() == settings
    assert compilation_cache.compiler._compile_and_write_cache.func is compilation_cache._compile_once
    return True


def test_a_name_that_was_done_before_is_not_waited_for(executor, progress):
    assert units.each(executor, lambda name, advance=None: True, units_of("a-pruned"), progress, NEEDS) == {}
    assert progress.done == 1
