#!/usr/bin/env bash
# Apple's Embedding Atlas over a table with categories: columns of pandas' category type get no colour, chart or filter.
#
# Versions:  Python 3.11; embedding-atlas 0.26.0, duckdb 2.0.1, pandas 3.1.1, pyarrow 26.0.1, playwright 1.65.2; Debian's
#            Chromium (another is named by CHROMIUM).
# Behaviour: a text column that is dictionary-encoded in Arrow is a category in pandas and an ENUM in the server's DuckDB.
#            The page knows numbers, VARCHAR, BOOLEAN and dates by name: an ENUM column stands in the table of rows alone,
#            and is missing in the list of colours and among the charts. No warning; text that is not encoded is there.
# A guess:   a category is what a scatter plot is coloured by, more than any other type.
# For users: of a table of samples x networks x conditions neither network nor method nor corruption can be chosen. Write
#            plain strings (Parquet encodes them by itself, the file is no larger); rosalind does. Or, without a new file,
#            `--query "select * replace (method::varchar as method) from data"`.
#
# Output seen:
#   column    pandas    DuckDB                       offered as a colour
#   category  category  ENUM('dense', 'magnitude')   False
#   text      str       VARCHAR                      True
#   number    int64     BIGINT                       True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
# Without its models for text and images, which are not used here and take 6 GB.
"$work/env/bin/pip" install -q --no-deps embedding-atlas==0.26.0
"$work/env/bin/pip" install -q click==8.5.1 cryptography duckdb==2.0.1 fastapi inquirer narwhals numpy==2.4.6 \
    pandas==3.1.1 platformdirs pyarrow==26.0.1 uvicorn websockets playwright==1.65.2
cd "$work"
HOME="$work" CHROMIUM=${CHROMIUM:-/usr/bin/chromium} "$work/env/bin/python" - <<'EOF'
import os
import socket
import subprocess
import sys
import time

import pandas
import pyarrow
from embedding_atlas.server import make_duckdb_connection
from playwright.sync_api import sync_playwright
from pyarrow import parquet

methods = pyarrow.array(["dense", "magnitude"] * 50)
columns = {"category": methods.dictionary_encode(), "text": methods, "number": pyarrow.array(range(100))}
places = {name: pyarrow.array([float(k % 7) for k in range(100)]) for name in ("x", "y")}
parquet.write_table(pyarrow.table({**columns, **places}), "table.parquet")
frame = pandas.read_parquet("table.parquet")
kinds = {name: kind for name, kind, *_ in make_duckdb_connection(frame).sql("describe dataset").fetchall()}
with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
command = [os.path.join(os.path.dirname(sys.executable), "embedding-atlas"), "table.parquet", "--x", "x", "--y", "y"]
server = subprocess.Popen(
    [*command, "--port", str(port), "--no-auto-port"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
)
try:
    for _ in range(300):
        try:
            socket.create_connection(("localhost", port)).close()
            break
        except ConnectionRefusedError:
            assert server.poll() is None
            time.sleep(0.2)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://localhost:{port}/")
        colours = page.locator("select", has=page.locator("option", has_text="number (BIGINT)")).first
        colours.wait_for(state="attached", timeout=120_000)
        offered = colours.locator("option").all_inner_texts()
        browser.close()
finally:
    server.terminate()
    server.wait()
print(f"{'column':9} {'pandas':9} {'DuckDB':28} offered as a colour")
shown = {name: any(option.startswith(f"{name} ") for option in offered) for name in columns}
for name in columns:
    print(f"{name:9} {str(frame[name].dtype):9} {kinds[name]:28} {shown[name]}")
assert kinds["category"].startswith("ENUM")
assert shown == {"category": False, "text": True, "number": True}
EOF
