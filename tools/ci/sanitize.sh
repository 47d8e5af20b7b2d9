#!/usr/bin/env bash
# Builds everything with AddressSanitizer and UndefinedBehaviorSanitizer into build-asan and runs the unit, lit and
# end-to-end tests on it. Takes several times as long as tools/ci/test.sh.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
exec </dev/null

# A report must not look like one of the documented exit codes. The packaged libMLIR and libLLVM are not instrumented:
# containers that cross the border would be reported as overflows, memory of LLVM's arenas that inline code of ours poisoned
# stays so when the libraries hand it out again, and what LLVM keeps until exit would be leaks.
symbolizer=/usr/lib/llvm-22/bin/llvm-symbolizer
export ASAN_OPTIONS=exitcode=99:detect_container_overflow=0:detect_leaks=0:allocator_may_return_null=1:allow_user_poisoning=0
export UBSAN_OPTIONS=exitcode=99:halt_on_error=1:print_stacktrace=1
export ASAN_SYMBOLIZER_PATH=$symbolizer UBSAN_SYMBOLIZER_PATH=$symbolizer

tools/ci/setup.sh && tools/ci/build.sh --build-dir=build-asan --sanitize=address,undefined || exit 1
fixtures=0
tools/ci/compile-fixtures.sh build-asan || fixtures=1
/usr/bin/python3 tools/ci/run_tests.py --build-dir=build-asan || exit 1
exit "$fixtures"
