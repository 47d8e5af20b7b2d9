#!/usr/bin/env bash
# Builds the runtime half with ThreadSanitizer into build-tsan and runs its tests.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
exec </dev/null

export TSAN_OPTIONS=exitcode=99:halt_on_error=1:second_deadlock_stack=1:external_symbolizer_path=/usr/lib/llvm-22/bin/llvm-symbolizer

tools/ci/setup.sh && tools/ci/build.sh --build-dir=build-tsan --sanitize=thread --runtime-only || exit 1
# Tests of whole models take the artifacts of a full build, where there is one.
[[ -d build/test-artifacts ]] && ln -sfn "$PWD/build/test-artifacts" build-tsan/test-artifacts
/usr/bin/python3 tools/ci/run_tests.py --build-dir=build-tsan --only=gtest
