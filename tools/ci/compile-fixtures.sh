#!/usr/bin/env bash
# Compiles the checkpoints of the tests to BUILD_DIR/test-artifacts (default BUILD_DIR: build), unfused to its folder
# no-fuse, and with a program for pictures to its folder still. Exits 1 if one fails.
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
    if "$build_dir/bin/qvl-compile" "$checkpoint" -o "$artifact" --precision=f32 "$@"; then
      echo "compiled $checkpoint $*: $(stat -c %s "$artifact") bytes"
    else
      echo "FAILED to compile $checkpoint $*" >&2
      status=1
    fi
  done
}

compile_all test-artifacts
compile_all test-artifacts/no-fuse --no-fuse
compile_all test-artifacts/still --fold-still-frames
exit "$status"
