#!/usr/bin/env bash
# Runs every golden of the models on the simulated GPU, in both modes of asynchronous copies and with three seeds, and
# writes a report (default test/gpu/reports/simulator.md). Takes about an hour on two cores.
#   tools/ci/gpu-sim-full.sh [--build-dir=DIR] [--report=FILE] [GPU_GOLDENS_OPTION...]
# The build has qvl-compile; its test artifacts are compiled where they are missing. Exits 1 when a case fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build_dir=build
report=test/gpu/reports/simulator.md
options=()
for argument in "$@"; do
  case "$argument" in
    --build-dir=*) build_dir="${argument#*=}" ;;
    --report=*) report="${argument#*=}" ;;
    *) options+=("$argument") ;;
  esac
done

artifacts="$build_dir/test-artifacts"
[[ -e "$artifacts/gpu/shapes-vl.qvl" ]] || tools/ci/compile-fixtures.sh "$build_dir"
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
# The seeds of a mode one after the other, the modes side by side: decode steps keep one core busy.
run_mode() {
  local mode=$1 seed failed=0
  for seed in 1 2 3; do
    /usr/bin/python3 test/e2e/gpu_goldens.py "$build_dir" "$artifacts" --full --async="$mode" --seed="$seed" "${options[@]}" \
      >"$logs/$mode-$seed" || failed=1
    echo "--async=$mode --seed=$seed: $(tail -n 1 "$logs/$mode-$seed")"
    grep -hE ' (FAILED|failed) ' "$logs/$mode-$seed" || true
  done
  return "$failed"
}
status=0
run_mode late & late=$!
run_mode early & early=$!
wait "$late" || status=1
wait "$early" || status=1

{
  echo "# Goldens on the simulated GPU"
  echo
  echo "Written by \`tools/ci/gpu-sim-full.sh ${options[*]}\`. The device is the PTX simulator of this project: a wrong access, a"
  echo "read of uninitialised memory, or a race that it detects, fails its case. It says nothing about speed."
  echo
  echo "| copies arrive | seed | result |"
  echo "|---|---|---|"
  for mode in late early; do
    for seed in 1 2 3; do
      echo "| $mode | $seed | $(tail -n 1 "$logs/$mode-$seed") |"
    done
  done
  echo
  echo "## Cases (late, seed 1)"
  echo
  echo '```'
  cat "$logs/late-1"
  echo '```'
} > "$report"
echo "wrote $report"
exit "$status"
