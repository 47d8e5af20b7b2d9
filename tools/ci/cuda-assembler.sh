#!/usr/bin/env bash
# Prints a folder with NVIDIA's assembler and disassembler, ptxas and nvdisasm: those of the pinned wheels, which go into a
# virtual environment in BUILD_DIR/cuda-assembler (default BUILD_DIR: build) the first time, or, where they cannot be had, the
# folder of a toolkit on PATH. Where there is neither it says why on stderr and exits 1.
#   tools/ci/cuda-assembler.sh [BUILD_DIR]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

environment="$(realpath --canonicalize-missing "${1:-build}")/cuda-assembler"
requirements=tools/ci/cuda-assembler-requirements.txt
# A copy of what is installed, written last: it differs after a change of the pins and is missing after an interruption.
installed="$environment/requirements.txt"

install_wheels() {
  rm -rf "$environment"
  /usr/bin/python3 -m venv "$environment" &&
    "$environment/bin/pip" --quiet --disable-pip-version-check install --no-deps --require-hashes --no-compile \
      --only-binary=:all: --retries=1 --timeout=30 --requirement "$requirements" &&
    ln -s "$environment"/lib/python3*/site-packages/nvidia/cu*/bin/{ptxas,nvdisasm} "$environment/bin/" &&
    "$environment/bin/ptxas" --version >/dev/null && "$environment/bin/nvdisasm" --version >/dev/null &&
    cp "$requirements" "$installed"
}

cmp --quiet "$requirements" "$installed" || log=$(install_wheels 2>&1)
if cmp --quiet "$requirements" "$installed"; then
  echo "$environment/bin"
elif ptxas=$(command -v ptxas); then
  echo "cuda-assembler: the pinned wheels cannot be had ($(tail -1 <<<"$log")); taking $ptxas" >&2
  dirname "$ptxas"
else
  echo "cuda-assembler: the pinned wheels cannot be had ($(tail -1 <<<"$log")) and there is no ptxas on PATH" >&2
  exit 1
fi
