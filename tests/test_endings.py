"""How a command ends: mistakes, interrupts, streams that are closed, letters and memory that are lacking."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from own_study import MINE

from rosalind import cli


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run --out out --methods magnitud", "unknown method 'magnitud'; did you mean 'magnitude'"),
        ("run --out out --corruptions fogg", "unknown condition 'fogg'; did you mean 'fog'"),
        ("run --out out --sparsities 80", "To remove 80 % pass 0.8"),
        ("run --out out --model.name resnet2", "unknown model 'resnet2'"),
        ("run --out out --methods random,snip", "separated by spaces, got 'random,snip'; write --methods random snip"),
        ("run --out out --baselines wide:widths=64", "'widths'; did you mean 'width'"),
        ("run --out out --regimes mixup,augmix", "'mixup,augmix'; write --regimes mixup augmix"),
        ("diagnose nowhere storage,lrp", "separated by spaces, got 'storage,lrp'; write storage lrp"),
        ("run --out out --methods lrr:rat=0.3", "unknown option of lrr 'rat'; did you mean 'rate'"),
        ("view nowhere", "holds no study.json"),
        ("view", "folders must be one study folder or more, got none"),
        ("report nowhere", "holds no study.json"),
        ("attribute nowhere --network x", "holds no study.json"),
        ("run nowhere.py:STUDY --out out", "nowhere.py does not exist"),
        ("run mine.py:NET --out out", "study 'mine:NET' cannot be imported: AttributeError"),
        ("run mine.py:Net --out out", "must be a rosalind.config.Study, got"),
        ("run --out out --seeds 0 --seeds 1", "--seeds must be given once, got it 2 times"),
        ("run --out out --train.batch-size 8 --train.batch_size=9", "--train.batch-size must be given once"),
        ("run --out out --draws 0", "--draws must be 1 to 10,000, got 0"),
        ("run --out out --draws 9999999999", "--draws must be 1 to 10,000"),
        ("run --out out --jobs 0", "jobs must be a whole number of 1 to "),
        ("run --out out --jobs 100000", "eight per core, got 100000"),
        ("demo --out out --jobs 100000", "eight per core, got 100000"),
        ("run --out /dev/full/x --dry-run", "cannot write in /dev/full/x: /dev/full is no folder"),
        ("run --out mine.py/x --dry-run", "cannot write in mine.py/x: "),
        ("run --out out --data.name digitz", "unknown data set 'digitz'; did you mean 'digits'? Known: digits"),
        ("demo --out out --port 99999", "--port must be 0 to 65535"),
        ("view nowhere --port -1", "--port must be 0 to 65535"),
        ("run --out  --dry-run", "a word behind --out must not be empty, got ''"),
        ("run --out= --dry-run", "a word behind --out must not be empty, got ''"),
        ("corrupt digits ", "a word must not be empty, got ''"),
        ("corrupt digits out --folder x", "`folder` must be None for data set 'digits', which reads no files, got 'x'"),
        ("run --out out --data.name sprites --data.folder x", "`folder` must be None for data set 'sprites'"),
        ("run --out out --controls random random", "controls must be unique; repeated: ['random']"),
        ("corrupt digits out --draw 4294967296", "must be a whole number, 0 to 2^32 - 1, got 4294967296"),
        ("run mine.py:STUDY --out out --seeds 3", "are allowed beside 'mine.py:STUDY', got --seeds; change"),
    ],
)
def test_mistakes_are_one_line(tmp_path, words, message, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    # Set, so that what the command imports is gone afterwards.
    monkeypatch.setitem(sys.modules, "mine", sys)
    del sys.modules["mine"]
    monkeypatch.setattr(sys, "argv", ["rosalind", *words.split(" ")])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    line, hint = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert hint.startswith("(set ROSALIND_TRACEBACK=1")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", ["in the command", "where Python drops errors"])
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_interrupts_are_one_line(name, code, where):
    script = (
        # Jobs in the background of a shell are begun with SIGINT ignored.
        "import os, signal, time\nfrom rosalind import cli\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"class Last:\n    def __del__(self):\n        os.kill(os.getpid(), signal.{name})\n        time.sleep(0)\n"
        f"def fourier():\n    {'Last()' if 'drops' in where else 'Last.__del__(None)'}\n    time.sleep(60)\n"
        "cli.fourier = fourier\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script, "fourier"], capture_output=True, text=True)
    assert done.returncode == code
    assert len(done.stderr.strip().splitlines()) == 1
    assert "run it again to go on" in done.stderr


@pytest.fixture(params=["list methods", "--version", "--help"])
def words(request, monkeypatch):
    """Words of a command that prints more than a buffer holds, or less, which is written at the end."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    return [sys.executable, "-m", "rosalind.cli", *request.param.split()]


def test_a_reader_of_a_pipe_may_leave(words):
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert (process.wait(), process.stderr.read()) == (141, b"")
    process.stderr.close()


def test_what_cannot_be_written_is_said_once(words):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    line, hint = done.stderr.strip().splitlines()
    assert line.endswith("No space left on device")
    assert hint.startswith("(set ROSALIND_TRACEBACK=1")


def test_a_user_without_a_home_has_a_viewer(monkeypatch, capsys):
    def unknown(_):
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(sys, "argv", ["rosalind", "--version"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    cli.main()
    # Asked for by Bokeh when it is imported.
    assert Path.home() == Path("/nonexistent")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["--help", "list methods", "compare nowhere"])
def test_streams_that_the_shell_closed_are_not_missed(closed, words):
    command = f'"{sys.executable}" -m rosalind {words} {closed}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == (words == "compare nowhere")
    assert "Traceback" not in done.stderr


def test_letters_that_an_encoding_lacks_are_numbers():
    script = "from rosalind import cli\ncli.fourier = lambda: print('\\u00b1 0.5')\n"
    script += "cli.fourier.__name__ = 'fourier'\ncli.main()"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = [sys.executable, "-c", script, "fourier"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "\\xb1 0.5\n")


@pytest.mark.parametrize(
    ("error", "words"),
    [("MemoryError('75 GiB')", "out of memory"), ("process.BrokenProcessPool('a process ended')", "memory is short")],
)
def test_a_lack_of_memory_is_two_lines_and_a_hint(error, words):
    script = (
        "from concurrent.futures import process\nfrom rosalind import cli\n"
        f"def fourier():\n    raise {error}\ncli.fourier = fourier\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script, "fourier"], capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 3)
    assert words in done.stderr
