#!/usr/bin/env bash
# Installs every Debian 12 package that building and testing need. Fast when all are there. Needs root only to install.
set -euo pipefail

packages=(
  # Compiler, linker, build tools.
  clang-22 lld-22 libclang-rt-22-dev ccache cmake ninja-build pkg-config git ca-certificates
  # LLVM and MLIR 22: headers, tablegen, lit, FileCheck, formatter.
  llvm-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools liblld-22-dev clang-format-22
  # What LLVM's own CMake package asks for.
  libzstd-dev zlib1g-dev libxml2-dev libffi-dev
  # Libraries of qvl.
  libflatbuffers-dev flatbuffers-compiler libabsl-dev libutf8proc-dev nlohmann-json3-dev libcli11-dev
  libjpeg62-turbo-dev libpng-dev libwebp-dev libxxhash-dev
  # Tests and benchmarks.
  libgtest-dev libgmock-dev libbenchmark-dev liblzma-dev xz-utils python3 python3-numpy python3-pil python3-venv
)

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" == installed ]] || echo "$package"
  done
}

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} == 0)); then
  echo "setup: all ${#packages[@]} packages are installed"
  exit 0
fi
echo "setup: installing ${missing[*]}"
as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "setup: packages are missing; run tools/ci/setup.sh as root" >&2; exit 1; }
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
# A source that this project does not use may be out of reach; what counts is whether the packages are found.
"${as_root[@]}" apt-get -q update || echo "setup: a package source could not be updated; trying with what is known" >&2
for package in "${missing[@]}"; do
  if [[ -z "$(apt-cache madison "$package" 2>/dev/null)" ]]; then
    echo "setup: no package source offers $package; enable the main and security suites of Debian 12" >&2
    exit 1
  fi
done
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
