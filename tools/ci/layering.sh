#!/usr/bin/env bash
# Checks which parts may use which: includes and CMake links (layering.py), names of passes (pass_names.py), and, when they
# are built, that qvl-run and qvl-inspect are free of LLVM. layering.sh [BUILD_DIR]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

build="${1:-build}"
llvm=/usr/lib/llvm-22/bin
status=0
/usr/bin/python3 tools/ci/layering.py || status=1
/usr/bin/python3 tools/ci/pass_names.py || status=1

for tool in "$build"/bin/{qvl-run,qvl-inspect}; do
  if [[ ! -x "$tool" ]]; then
    echo "layering: $tool is not built; its symbols are not checked"
    continue
  fi
  libraries="$(ldd "$tool" | grep -iE 'libLLVM|libMLIR|libclang|liblld')"
  # C++ symbols of the namespaces llvm and mlir, and the C interfaces of both.
  symbols="$({ "$llvm/llvm-nm" -C "$tool"; "$llvm/llvm-nm" -DC "$tool"; } 2>/dev/null | grep -E '\b(llvm|mlir|lld)::|[ _](LLVM|mlir)[A-Z]' | head -5)"
  if [[ -n "$libraries$symbols" ]]; then
    printf 'layering: %s links LLVM or MLIR:\n%s\n%s\n' "$tool" "$libraries" "$symbols"
    status=1
  else
    echo "layering: $tool links no LLVM or MLIR"
  fi
done
exit "$status"
