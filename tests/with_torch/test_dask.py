"""Workers of Dask, on which rosalind does not depend, as the executor of a study."""

import os
import signal

import pytest
from conftest import small_study
from distributed import Client
from folders import contents, same

from rosalind import study


@pytest.fixture
def client():
    """Two processes of one thread each on this machine, without a page of their own."""
    # The scheduler serves its health all the same, on port 8787 unless told otherwise, which another may have.
    anywhere = {"dashboard_address": "127.0.0.1:0"}
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None, scheduler_kwargs=anywhere) as client:
        yield client


@pytest.mark.parametrize("killed", [False, True])
def test_workers_make_the_same_study(client, small_folder, tmp_path, killed):
    workers = list(client.run(os.getpid).values()) if killed else []

    def kill_one(row):
        if workers:
            os.kill(workers.pop(), signal.SIGKILL)
            workers.clear()

    study.run(small_study(), tmp_path / "study", executor=client.get_executor(), report=kill_one)
    assert not workers
    assert same(contents(tmp_path / "study"), contents(small_folder))
