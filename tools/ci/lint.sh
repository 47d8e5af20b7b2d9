#!/usr/bin/env bash
# Checks the form of all tracked files; -f fixes what a program can fix (formatting, trailing spaces, exec bits).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

status=0

# violations RULE: reports the lines of standard input, if any.
violations() {
  local lines
  lines="$(cat)"
  [[ -z "$lines" ]] && return
  printf 'lint: %s\n%s\n' "$1" "$lines"
  status=1
}

# Bundled data and compiled PTX keep the form of their origin.
tracked() { git ls-files -- "$@" ':!test/e2e/goldens' ':!models/*.json' ':!models/samples' ':!models/shapes-vl' ':!*.ptx'; }

# Scripts: the paths whose recorded mode does not fit their first bytes. A file with an interpreter line is run.
wrong_exec_bits() {
  local mode path wanted
  while read -r mode path; do
    wanted=100644
    [[ "$(head -c 2 "$path")" == '#!' ]] && wanted=100755
    [[ "$mode" == "$wanted" ]] || echo "$wanted $path"
  done < <(git ls-files -s -- "${texts[@]}" | awk '{print $1, $4}')
}

mapfile -t sources < <(tracked '*.h' '*.cpp' '*.c')
mapfile -t texts < <(tracked | xargs grep -Il '')

if [[ "${1:-}" == -f ]]; then
  clang-format-22 -i "${sources[@]}"
  sed -i 's/[[:space:]]*$//' "${texts[@]}"
  wrong_exec_bits | while read -r mode path; do chmod "${mode#100}" "$path"; git update-index --chmod="$([[ "$mode" == 100755 ]] && echo +x || echo -x)" "$path"; done
fi

violations "not formatted; run tools/ci/lint.sh -f" < <(
  clang-format-22 --dry-run "${sources[@]}" 2>&1 | sed -n 's/^\([^:]*\):.*clang-format-violations.*/\1/p' | sort -u)
violations "trailing spaces" < <(grep -nE '[[:space:]]+$' "${texts[@]}")
# Whoever reads a name should learn what is inside.
violations "names without a concept" < <(tracked | grep -iE '(^|/|_)[a-z]*(utils?|helpers?|misc)(/|\.|$)')
violations "TODO without an issue number, as in TODO(#12)" < <(
  grep -nE '\b(TODO|FIXME|XXX)\b' "${texts[@]}" | grep -vE 'TODO\(#[0-9]+\)|^tools/ci/lint\.sh:')
violations "paths of one machine" < <(grep -nE '/wor[k]/|/bash_job[s]|\.\./share[d]|/home/[a-z]|/roo[t]/' "${texts[@]}")
violations "mode does not fit the interpreter line (expected mode, path)" < <(wrong_exec_bits)
violations "size" < <(/usr/bin/python3 tools/ci/size_report.py --offenders "${sources[@]}")
/usr/bin/python3 tools/ci/size_report.py "${sources[@]}"

((status == 0)) && echo "lint: ${#texts[@]} files are well-formed"
exit "$status"
