#!/usr/bin/env bash
# Everything CI does, from a bare Debian 12 machine: install, build, check, test. Ends with
# `N passed, N failed, N skipped` over lit, GoogleTest and end-to-end tests; exits non-zero unless all is well.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
exec </dev/null

# A step without which no test can run.
require() {
  if ! "$@"; then
    echo "FAILED: $*"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
  fi
}

failed_checks=()
check() {
  echo "== $*"
  "$@" || failed_checks+=("$*")
}

require tools/ci/setup.sh
require tools/ci/build.sh
check tools/ci/lint.sh
check tools/ci/layering.sh
check /usr/bin/python3 tools/ci/constraint-ids.py
check tools/ci/compile-fixtures.sh build
check tools/ci/ptx-assemble.py --build-dir=build

echo "== tests"
summary="$(mktemp)"
trap 'rm -f "$summary"' EXIT
/usr/bin/python3 tools/ci/run_tests.py --build-dir=build --summary="$summary"
status=$?
if ((${#failed_checks[@]})); then
  printf 'FAILED check: %s\n' "${failed_checks[@]}"
  status=1
fi
cat "$summary"
exit "$status"
