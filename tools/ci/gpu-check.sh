#!/usr/bin/env bash
# Runs the PTX cases of test/ptx on a GPU through the CUDA driver and compares with the expected results: bit for bit, approximate
# instructions within their documented error.
#   tools/ci/gpu-check.sh [--build-dir=DIR] [--cuda-driver=PATH] [--only=TEXT]
#   tools/ci/gpu-check.sh [--build-dir=DIR] --carry=OUT
# It builds nothing. --carry writes to OUT what another machine needs of the build DIR (default build): the program and its
# libraries; there, beside a checkout, --build-dir=OUT runs it. The cases need Python with numpy.
# Where the system has no driver or no GPU it says SKIPPED and why, and ends well; a driver that is named has to work.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build_dir=build
driver=""
only=""
carry=""
for argument in "$@"; do
  case "$argument" in
    --build-dir=*) build_dir="${argument#*=}" ;;
    --cuda-driver=*) driver="${argument#*=}" ;;
    --carry=*) carry="${argument#*=}" ;;
    --only=*) only="${argument#*=}" ;;
    *) echo "gpu-check: unknown option $argument" >&2; exit 2 ;;
  esac
done

program="$build_dir/bin/qvl-ptxrun"
skip() { echo "gpu-check: SKIPPED: $1"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
[[ -x "$program" ]] || { echo "gpu-check: error: $program is missing; build it with tools/ci/build.sh" >&2; exit 1; }
if [[ -n "$carry" ]]; then
  mkdir -p "$carry/bin" "$carry/lib"
  cp "$program" "$carry/bin"
  # The C library belongs to the machine, as the driver does.
  ldd "$program" | awk '$3 ~ /^\// && $1 !~ /^lib(c|m|dl|rt|pthread)\.so/ { print $3 }' | xargs -r cp -L -t "$carry/lib"
  exit 0
fi

status=0
export LD_LIBRARY_PATH="$build_dir/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
gpu=$("$program" probe ${driver:+"$driver"} 2>&1) || status=$?
reason=${gpu#qvl-ptxrun: error: }
[[ $status != 1 || -n "$driver" ]] || skip "${reason%; use --device=cpu}"
((status == 0)) || { echo "gpu-check: error: $reason" >&2; exit 1; }
echo "gpu-check: ${gpu#* }"

python=""
for candidate in /usr/bin/python3 python3; do
  "$candidate" -c 'import numpy' 2>/dev/null && { python="$candidate"; break; }
done
[[ -n "$python" ]] || { echo "gpu-check: error: no python3 with numpy" >&2; exit 1; }
exec "$python" test/e2e/ptx_cases.py "$build_dir" --program="'$program'${driver:+ --cuda-driver='$driver'}" --capability="${gpu%% *}" --only="$only"
