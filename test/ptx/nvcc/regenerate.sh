#!/usr/bin/env bash
# Compiles the CUDA sources of this folder to PTX for sm_80; with --check only says what would change.
# Branch tables are off in nvcc unless --jump-table-density asks for them.
# SKIPPED where nvcc is missing. Another version of nvcc may give other text: commit it as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! nvcc=$(command -v nvcc); then
  echo "regenerate: SKIPPED: there is no nvcc"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
for source in *.cu; do
  name="${source%.cu}"
  "$nvcc" -arch=compute_80 -ptx -O3 --jump-table-density=50 -o "$folder/$name.ptx" "$source"
  if [[ "${1:-}" == --check ]]; then
    cmp -s "$folder/$name.ptx" "$name.ptx" || echo "regenerate: $name.ptx differs from nvcc's"
  else
    cp "$folder/$name.ptx" "$name.ptx"
  fi
done
grep -q brx.idx "$folder/hash.ptx" || { echo "regenerate: nvcc made no branch table of hash.cu" >&2; exit 1; }
