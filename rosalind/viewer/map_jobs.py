"""Occlusion maps that a reader asks for, made by another process: the server itself never imports jax."""

import contextlib
import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store

MOST = 24
"""Most samples of one request: some seconds on two cores."""


@dataclass(frozen=True)
class Job:
    """The state of the last request.

    Attributes:
        running: True until it is answered.
        done, total: Maps.
        error: Why it failed; empty where it did not.
    """

    running: bool = False
    done: float = 0
    total: int = 0
    error: str = ""


class MapJobs:
    """One process for all readers of a store, started at the first request; it stays for the next for a while."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "rosalind.study.map_worker")):
        """
        Args:
            command: that starts a process which answers as `rosalind.study.map_worker` does.
        """
        self.command = tuple(command)
        self.job = Job()
        self._process: Any = None
        self._lock = threading.Lock()

    @property
    def process(self) -> int | None:
        """The id of the process, None before the first request."""
        return None if self._process is None else self._process.pid

    def start(self, store: Store, cells: Sequence[Cell], ids: Sequence[int]) -> bool:
        """Ask for maps of samples in single cells; False while another request runs.

        Args:
            store: of the study.
            cells: single ones, see `lacking`.
            ids: of samples; those past the first `MOST` are left for another request.
        """
        with self._lock:
            if self.job.running:
                return False
            ids = ids[:MOST]
            self.job = Job(running=True, total=len(cells) * len(ids))
        where = [store.results.attribution_file(*cell) for cell in cells]
        request = {
            "cells": [[str(path.parents[2]), path.parent.name, path.stem] for path in where],
            "ids": [int(sample) for sample in ids],
        }
        threading.Thread(target=self._run, args=(json.dumps(request) + "\n",), daemon=True).start()
        return True

    def _run(self, request: str) -> None:
        """Send a request, and follow the answers until the last."""
        error: str | None = None
        try:
            if self._process is None or self._process.poll() is not None:
                self.close()
                self._process = subprocess.Popen(
                    self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
                )
            self._process.stdin.write(request)
            self._process.stdin.flush()
            for line in self._process.stdout:
                answer = json.loads(line)
                if "total" not in answer:
                    error = answer.get("error", "")
                    break
                self.job = replace(self.job, done=answer["done"])
        except (OSError, ValueError) as failure:
            error = str(failure)
        if error is None:
            error = "the process that makes maps has ended."
            self.close()
        self.job = replace(self.job, running=False, error=error)

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
        with contextlib.suppress(OSError):
            # What was not sent to a process that has ended cannot be.
            process.stdin.close()
        process.stdout.close()
        process.wait()


def of(store: Store) -> MapJobs:
    """The jobs that all readers of a store share."""
    return store.shared.setdefault("map jobs", MapJobs())


def can_make(store: Store, cells: Sequence[Cell]) -> bool:
    """True where jax can be imported on this machine, the study has the weights of every cell's network, and the reader
    may write its folder.
    """
    if any(importlib.util.find_spec(name) is None for name in ("jax", "flax")):
        return False
    if not store.is_writable:
        return False
    return all(store.results.has_weights(network) for network, _ in cells)
