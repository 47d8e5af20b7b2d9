#!/usr/bin/env bash
# The main job on the embedded model, from a bare Debian 12 machine: install, build, compile models/shapes-vl, ask about a
# sample picture. Exits 1 unless the answer is the golden one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec </dev/null

tools/ci/setup.sh
tools/ci/build.sh qvl-compile qvl-run
echo "== qvl-compile models/shapes-vl -o build/shapes-vl.qvl"
build/bin/qvl-compile models/shapes-vl -o build/shapes-vl.qvl
echo "== qvl-run build/shapes-vl.qvl --image=models/samples/01-describe.png --prompt=\"What is in the image?\""
build/bin/qvl-run build/shapes-vl.qvl --image=models/samples/01-describe.png --prompt="What is in the image?" --json \
  >build/demo.json
/usr/bin/python3 tools/ci/show_answer.py build/demo.json models/shapes-vl.golden.json 01-describe
