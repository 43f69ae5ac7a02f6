#!/usr/bin/env bash
# `pattern: 2:4` in a YAML config is the number 124: N:M sparsity is read in base 60, up to 16:32; 32:64 is a text.
#
# Versions:  Python 3.11; PyYAML 6.0.4, omegaconf 2.3.1, hydra-core 1.3.8, ruamel.yaml 0.19.1.
# Behaviour: YAML 1.1 has numbers in base 60 for times, and PyYAML takes N:M for one where N is from 1 on and M below 60.
#            OmegaConf, which mends PyYAML's reading of 1e-3, takes this over, also for `key=value` texts of `from_cli` and
#            `from_dotlist`. Hydra's own parser of the command line gives the text. So with Hydra one setting is a number in
#            the file and a text on the command line. YAML 1.2 (ruamel.yaml) has no such numbers. What PyYAML or OmegaConf
#            write is quoted and comes back.
# A guess:   what is no number in JSON or Python is a text, and one setting has one type wherever it is written.
# For users: code that splits at the colon fails on one of the two; where 124 is allowed (a block size, the name of a run, the
#            key that joins tables) nothing fails, and 1:4 is 64, a plausible size. Quote the pattern. rosalind reads no YAML,
#            and N:M are two whole numbers in its methods.
#
# Output seen (config file by PyYAML and OmegaConf, then OmegaConf's and Hydra's command line, then YAML 1.2):
#   1:4    64, 64, 64, '1:4', '1:4'
#   2:4    124, 124, 124, '2:4', '2:4'
#   4:8    248, 248, 248, '4:8', '4:8'
#   16:32  992, 992, 992, '16:32', '16:32'
#   32:64  '32:64', '32:64', '32:64', '32:64', '32:64'
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pyyaml==6.0.4 omegaconf==2.3.1 hydra-core==1.3.8 ruamel.yaml==0.19.1
"$work/env/bin/python" - <<'EOF'
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from ruamel.yaml import YAML

parser = OverridesParser.create()
read = {}
for n, m in ((1, 4), (2, 4), (4, 8), (16, 32), (32, 64)):
    text = f"{n}:{m}"
    file, setting = f"pattern: {text}", f"pattern={text}"
    read[n, m] = [
        yaml.safe_load(file)["pattern"],
        OmegaConf.create(file).pattern,
        OmegaConf.from_dotlist([setting]).pattern,
        parser.parse_override(setting).value(),
        YAML(typ="safe", pure=True).load(file)["pattern"],
    ]
    read[n, m][3] = str(read[n, m][3])
    print(f"{text:6}", ", ".join(map(repr, read[n, m])))
    number = 60 * n + m if m < 60 else text
    assert read[n, m] == [number] * 3 + [text] * 2, text
    assert yaml.safe_load(yaml.safe_dump({"pattern": text})) == {"pattern": text}, "written by PyYAML"
    assert OmegaConf.create(OmegaConf.to_yaml({"pattern": text})).pattern == text, "written by OmegaConf"
EOF
