#!/usr/bin/env bash
# Compiles the checkpoints of the tests to BUILD_DIR/test-artifacts (default BUILD_DIR: build), and to its folders no-fuse,
# bf16 and bf16-no-fuse unfused, with bf16 activations, and both; to its folder still with a program for pictures; to its
# folders gpu and gpu-bf16 for GPUs too, there with f32 and with bf16 activations, and to gpu-sm_90a for Hopper alone.
# Exits 1 if one fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build_dir="${1:-build}"
status=0

# compile_all FOLDER [OPTION...]: each checkpoint to BUILD_DIR/FOLDER/NAME.qvl.
compile_all() {
  local folder="$build_dir/$1" checkpoint artifact
  shift
  mkdir -p "$folder"
  for checkpoint in models/shapes-vl test/e2e/goldens/checkpoints/mini_f32 test/e2e/goldens/checkpoints/mini_bf16; do
    artifact="$folder/$(basename "$checkpoint").qvl"
    rm -f "$artifact"
    if "$build_dir/bin/qvl-compile" "$checkpoint" -o "$artifact" "$@"; then
      echo "compiled $checkpoint $*: $(stat -c %s "$artifact") bytes"
    else
      echo "FAILED to compile $checkpoint $*" >&2
      status=1
    fi
  done
}

compile_all test-artifacts --precision=f32
compile_all test-artifacts/no-fuse --precision=f32 --no-fuse
compile_all test-artifacts/bf16 --precision=bf16
compile_all test-artifacts/bf16-no-fuse --precision=bf16 --no-fuse
compile_all test-artifacts/still --precision=f32 --fold-still-frames
compile_all test-artifacts/gpu --target=cpu:v3,cuda:sm_80 --precision=f32
compile_all test-artifacts/gpu-bf16 --target=cpu:v3,cuda:sm_80
compile_all test-artifacts/gpu-sm_90a --target=cuda:sm_90a
exit "$status"
