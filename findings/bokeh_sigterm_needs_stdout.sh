#!/usr/bin/env bash
# A Bokeh server whose standard output nobody reads any more is not ended by SIGTERM.
#
# Versions:  Python 3.11; bokeh 3.9.2, tornado 6.5.5.
# Behaviour: on SIGTERM `run_until_shutdown` prints "Received signal SIGTERM, shutting down" and then stops its loop. Where
#            standard output is a pipe whose reader has gone (`serve ... | head -1`, a script that has read the address and
#            ended), `print` raises BrokenPipeError in the loop's callback, which the loop logs: it is never stopped. Every
#            further SIGTERM does the same, and the server keeps its port, and its memory, until SIGKILL.
# A guess:   SIGTERM ends a server; Python's own default does, and a message that cannot be printed is lost.
# For users: a service manager waits for its time-out and kills; tests that read the address and close the pipe leave a
#            server each. Override `_sigterm` of the server to stop the loop without a word, or keep a reader.
#
# Output seen:
#   output is read: ended after SIGTERM, code 0
#   reader has gone: still serving 5 s after SIGTERM, health 200
#   reader has gone, _sigterm overridden: ended after SIGTERM, code 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q bokeh==3.9.2 tornado==6.5.5
cat > "$work/serve.py" <<'EOF'
import sys

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.server.server import Server


class Quiet(Server):
    def _sigterm(self):
        self.io_loop.stop()


kind = Quiet if sys.argv[1] == "quiet" else Server
server = kind({"/": Application(FunctionHandler(lambda document: None))}, port=0)
print(server.port, flush=True)
server.run_until_shutdown()
EOF
"$work/env/bin/python" - "$work/serve.py" <<'EOF'
import subprocess
import sys
import time
import urllib.error
import urllib.request


def health(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metadata") as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def after_sigterm(words, kind, is_read):
    process = subprocess.Popen([sys.executable, sys.argv[1], kind], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        port = int(process.stdout.readline())
        health(port)
        if not is_read:
            process.stdout.close()
        process.terminate()
        process.wait(5)
        print(f"{words}: ended after SIGTERM, code {process.returncode}")
        return True
    except subprocess.TimeoutExpired:
        print(f"{words}: still serving 5 s after SIGTERM, health {health(port)}")
        return False
    finally:
        process.kill()
        process.wait()


assert after_sigterm("output is read", "plain", True)
assert not after_sigterm("reader has gone", "plain", False)
assert after_sigterm("reader has gone, _sigterm overridden", "quiet", False)
EOF
