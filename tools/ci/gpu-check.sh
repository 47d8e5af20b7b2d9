#!/usr/bin/env bash
# Checks a GPU and its driver, and times kernels on it; writes one report.
#   tools/ci/gpu-check.sh [--build-dir=DIR] [--cuda-driver=PATH] [--report=FILE] [--only=TEXT] [--small]
#   tools/ci/gpu-check.sh [--build-dir=DIR] --carry=OUT
# It builds nothing. --carry writes to OUT what another machine needs of the build DIR (default build): programs and their
# libraries, models, and kernels that are compiled already, so that nothing there needs LLVM. There, beside a checkout,
# --build-dir=OUT checks. Scripts need Python with numpy.
#
# Parts, each with a time limit, all together below 8 minutes; one that lacks something in DIR is skipped with the reason:
#   PTX        the cases of test/ptx and the emitted kernels, bit for bit, approximate instructions within their documented error
#   devices    the conformance suite of the runtime's devices
#   models     shapes-vl and the miniatures against the goldens
#   benchmark  projections, attention, a decode step and graph launches as shares of the card's peaks
# The report goes to FILE (default test/gpu/reports/CARD.md). --only=TEXT takes the PTX cases with TEXT in their names and no other part.
# --small is for the simulator's driver library: a part of the models, small kernels, no times, and a report only where --report asks.
# Where the system has no driver or no GPU it says SKIPPED and why, and ends well; a driver that is named has to work.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build_dir=build
driver=""
only=""
carry=""
report=""
small=""
for argument in "$@"; do
  case "$argument" in
    --build-dir=*) build_dir="${argument#*=}" ;;
    --cuda-driver=*) driver="${argument#*=}" ;;
    --carry=*) carry="${argument#*=}" ;;
    --only=*) only="${argument#*=}" ;;
    --report=*) report="${argument#*=}" ;;
    --small) small=yes ;;
    *) echo "gpu-check: unknown option $argument" >&2; exit 2 ;;
  esac
done

program="$build_dir/bin/qvl-ptxrun"
skip() { echo "gpu-check: SKIPPED: $1"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
[[ -x "$program" ]] || { echo "gpu-check: error: $program is missing; build it with tools/ci/build.sh" >&2; exit 1; }

python=""
for candidate in /usr/bin/python3 python3; do
  "$candidate" -c 'import numpy' 2>/dev/null && { python="$candidate"; break; }
done
[[ -n "$python" ]] || { echo "gpu-check: error: no python3 with numpy" >&2; exit 1; }

# carry_program NAME: a program of the build and the libraries that it needs.
carry_program() {
  cp "$build_dir/bin/$1" "$carry/bin"
  # The C library belongs to the machine, as the driver does.
  ldd "$build_dir/bin/$1" | awk '$3 ~ /^\// && $1 !~ /^lib(c|m|dl|rt|pthread)\.so/ { print $3 }' | xargs -r cp -L -t "$carry/lib"
}

if [[ -n "$carry" ]]; then
  mkdir -p "$carry/bin" "$carry/lib"
  for name in qvl-ptxrun qvl-run qvl-inspect qvl-device-conformance-test; do
    [[ -x "$build_dir/bin/$name" ]] && carry_program "$name" || echo "gpu-check: $name is not built and stays behind"
  done
  if [[ -x "$build_dir/bin/qvl-opt" ]]; then
    "$python" test/ptx/emitted/cases.py "$build_dir"
    "$python" test/bench/gpu_bench.py "$build_dir" --prepare
    cp -r "$build_dir/ptx-emitted" "$build_dir/ptx-bench-3b" "$carry"
  fi
  if [[ -e "$build_dir/test-artifacts/gpu/shapes-vl.qvl" ]]; then
    mkdir -p "$carry/test-artifacts"
    cp "$build_dir/test-artifacts/shapes-vl.qvl" "$carry/test-artifacts"
    for folder in gpu gpu-bf16; do
      mkdir -p "$carry/test-artifacts/$folder"
      cp "$build_dir/test-artifacts/$folder"/*.qvl "$carry/test-artifacts/$folder"
    done
  fi
  exit 0
fi

status=0
export LD_LIBRARY_PATH="$build_dir/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
gpu=$("$program" probe ${driver:+"$driver"} 2>&1) || status=$?
reason=${gpu#qvl-ptxrun: error: }
[[ $status != 1 || -n "$driver" ]] || skip "${reason%; use --device=cpu}"
((status == 0)) || { echo "gpu-check: error: $reason" >&2; exit 1; }
card="${gpu#* }"
echo "gpu-check: $card"

run="'$program'${driver:+ --cuda-driver='$driver'}"
ptx_cases=("$python" test/e2e/ptx_cases.py "$build_dir" --program="$run" --capability="${gpu%% *}" --only="$only")
[[ -z "$only" ]] || exec "${ptx_cases[@]}"

[[ -z "$small" ]] || slower=6 # a simulator on a busy machine
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
passed=0
failed=0
skipped=0
parts=()

# The counts of a log: of its last line that states them, or of GoogleTest's summary.
counts_of() {
  local line
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$1" | tail -n 1) || true
  if [[ -n "$line" ]]; then
    echo "$line" | sed -E 's/[^0-9 ]//g'
  else
    local of
    for of in PASSED FAILED SKIPPED; do
      sed -nE "s/^\[ *$of *\] ([0-9]+) tests?.*/\1/p" "$1" | tail -n 1 | grep . || echo 0
    done | xargs
  fi
}

# part NAME SECONDS COMMAND...: runs a part within its time.
part() {
  local name=$1 code=0 start=$SECONDS counts
  local limit=$(($2 * ${slower:-1}))
  shift 2
  timeout "$limit" "$@" > "$logs/$name" 2>&1 || code=$?
  read -r -a counts <<< "$(counts_of "$logs/$name")"
  ((code != 124)) || echo "gpu-check: $name did not end within $limit s" >> "$logs/$name"
  # An exit code that the counts do not explain is a failure, too.
  ((code == 0 || counts[1] > 0)) || counts[1]=1
  passed=$((passed + counts[0]))
  failed=$((failed + counts[1]))
  skipped=$((skipped + counts[2]))
  parts+=("| $name | ${counts[0]} | ${counts[1]} | ${counts[2]} | $((SECONDS - start)) s |")
  ((counts[1] == 0)) || cat "$logs/$name"
  echo "gpu-check: $name: ${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped, $((SECONDS - start)) s"
}

# lacks NAME WHAT: a part that cannot run.
lacks() {
  skipped=$((skipped + 1))
  parts+=("| $1 | 0 | 0 | 1 | - |")
  echo "gpu-check: $1: SKIPPED: $2 is not there" | tee "$logs/$1"
}

benchmark() {
  if "$python" test/bench/gpu_bench.py "$build_dir" --program="$run" ${small:+--shapes=small --time-simulator}; then
    echo "1 passed, 0 failed, 0 skipped"
  else
    echo "0 passed, 1 failed, 0 skipped"
  fi
}
export python build_dir run small
export -f benchmark

part PTX 150 "${ptx_cases[@]}"
suite="$build_dir/bin/qvl-device-conformance-test"
if [[ -x "$suite" ]]; then
  # The suite's device "cuda" is the driver of the system, or this one; its other devices and the tests of the simulator stay out.
  part devices 60 env QVL_TEST_CUDA_DRIVER="$driver" QVL_TEST_SOURCE_DIR="$PWD" "$suite" --gtest_filter='*/cuda'
else
  lacks devices "$suite"
fi
if [[ -x "$build_dir/bin/qvl-run" && -e "$build_dir/test-artifacts/gpu/shapes-vl.qvl" ]]; then
  part models 170 "$python" test/e2e/gpu_goldens.py "$build_dir" "$build_dir/test-artifacts" --driver="${driver:-system}" \
    ${small:+--only=f32/shapes-vl/16-hello} $([[ -n "$small" ]] || echo --full)
else
  lacks models "qvl-run or its artifacts"
fi
if [[ -e "$build_dir/bin/qvl-opt" || -e "$build_dir/ptx-bench-3b" ]]; then
  part benchmark 90 bash -c benchmark
else
  lacks benchmark "$build_dir/ptx-bench-3b"
fi

[[ -n "$report" || -n "$small" ]] || report="test/gpu/reports/$(tr -cs 'A-Za-z0-9\n' '-' <<< "${card%%,*}" | sed 's/-*$//').md"
if [[ -n "$report" ]]; then
  {
    echo "# $card"
    echo
    echo "Written by \`tools/ci/gpu-check.sh\`, which says what the parts are."
    echo
    echo "| part | passed | failed | skipped | time |"
    echo "| --- | --- | --- | --- | --- |"
    printf '%s\n' "${parts[@]}"
    echo
    echo "## Benchmark"
    echo
    grep -vE '^[0-9]+ passed, ' "$logs/benchmark"
    for name in PTX devices models; do
      grep -E '^FAILED|SKIPPED|\[  FAILED' "$logs/$name" > "$logs/told" || continue
      printf '\n## %s: what failed or was skipped\n\n```\n' "$name"
      cat "$logs/told"
      echo '```'
    done
  } > "$report"
  echo "gpu-check: wrote $report"
fi
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
