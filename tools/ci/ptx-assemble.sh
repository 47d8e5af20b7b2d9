#!/usr/bin/env bash
# Hands every PTX program of test/ptx to ptxas, and with DIR every kernel in it (KERNEL.CHIP.ptx, as qvl-compile writes with
# --dump-kernels-to=DIR): those of sm_80 for sm_80, sm_90 and sm_100, those of sm_90a for sm_90a. Kernels may not spill
# registers, have a stack or draw a note (C75xx). SKIPPED where ptxas is missing.
#   tools/ci/ptx-assemble.sh [DIR]
set -euo pipefail
kernels=${1:+$(realpath "$1")}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

ptxas=$(command -v ptxas || true)
[[ -n "$ptxas" ]] || { echo "ptx-assemble: SKIPPED: there is no ptxas"; exit 0; }
assembled=0
failed=0
for file in test/ptx/{corpus,nvcc,kernels}/*.ptx; do
  arch=$(sed -n 's/^\.target \(sm_[0-9a-z]*\).*/\1/p' "$file" | head -1)
  if "$ptxas" -arch="$arch" "$file" -o /dev/null; then
    assembled=$((assembled + 1))
  else
    echo "ptx-assemble: $file is refused"
    failed=$((failed + 1))
  fi
done
echo "ptx-assemble: $assembled assembled, $failed refused"

# Assembles a kernel for one architecture; says what is wrong with it.
check_kernel() {
  local file=$1 arch=$2 log
  if ! log=$("$ptxas" -v -arch="$arch" "$file" -o /dev/null 2>&1); then
    echo "ptx-assemble: $file is refused for $arch: $log"
    return 1
  fi
  if grep -qE 'C75[0-9][0-9]' <<<"$log" || grep -E 'spill stores' <<<"$log" |
    grep -qvE '\b0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads'; then
    echo "ptx-assemble: $file for $arch: $log"
    return 1
  fi
  printf '%4s registers  %s for %s\n' "$(sed -n 's/.*Used \([0-9]*\) registers.*/\1/p' <<<"$log")" "$(basename "$file")" "$arch"
}

if [[ -n "$kernels" ]]; then
  checked=0
  for file in "$kernels"/*.ptx; do
    case "$file" in
      *.sm_80.ptx) archs=(sm_80 sm_90 sm_100) ;;
      *) archs=("$(basename "$file" .ptx | sed 's/.*\.//')") ;;
    esac
    for arch in "${archs[@]}"; do
      checked=$((checked + 1))
      check_kernel "$file" "$arch" || failed=$((failed + 1))
    done
  done
  echo "ptx-assemble: $checked kernels assembled"
fi
((failed == 0))
