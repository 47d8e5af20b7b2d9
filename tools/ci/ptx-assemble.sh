#!/usr/bin/env bash
# Hands every PTX program of test/ptx to ptxas. SKIPPED where ptxas is missing.
set -euo pipefail
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
((failed == 0))
