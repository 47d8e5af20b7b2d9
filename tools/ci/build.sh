#!/usr/bin/env bash
# Configures and builds.
#   tools/ci/build.sh [--build-dir=DIR] [--sanitize=address,undefined|thread] [--runtime-only] [TARGET...]
# Tools and tests land in DIR/bin (default DIR: build). --runtime-only leaves out everything that needs LLVM.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build_dir=build
options=()
targets=()
while (($#)); do
  case "$1" in
    --build-dir=*) build_dir="${1#*=}" ;;
    --build-dir) build_dir="${2:?--build-dir needs a folder}"; shift ;;
    --sanitize=*) options+=("-DQVL_SANITIZE=${1#*=}") ;;
    --runtime-only) options+=(-DQVL_BUILD_COMPILER=OFF) ;;
    -*) echo "build: unknown option $1" >&2; exit 2 ;;
    *) targets+=("$1") ;;
  esac
  shift
done

# With these two ccache also serves files that use the precompiled header, and clones in other folders.
export CCACHE_SLOPPINESS=pch_defines,time_macros
export CCACHE_BASEDIR="$PWD"
cmake -S . -B "$build_dir" -G Ninja \
  -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_C_COMPILER=/usr/bin/clang-22 -DCMAKE_CXX_COMPILER=/usr/bin/clang++-22 \
  -DCMAKE_CXX_FLAGS="-Xclang -fno-pch-timestamp" \
  -DCMAKE_C_COMPILER_LAUNCHER=/usr/bin/ccache -DCMAKE_CXX_COMPILER_LAUNCHER=/usr/bin/ccache \
  -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld -DCMAKE_SHARED_LINKER_FLAGS=-fuse-ld=lld \
  "${options[@]}"
# Two jobs: a compile of MLIR headers takes up to 2 GiB.
ninja -C "$build_dir" -j2 "${targets[@]}"
