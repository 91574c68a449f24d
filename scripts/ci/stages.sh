# Sourced by .ci/run: stages with their durations, the total of all test results, and a record of the README's commands that were run.
# shellcheck shell=bash

total_passed=0 total_failed=0 total_skipped=0
summary=()
record=$work/readme-commands
: >"$record"

# stage NAME FUNCTION: runs the function in a subshell, shows its output, and adds up its test results. A failed stage does not stop the
# others, so that one run shows all failures.
stage() {
  local name=$1 run=$2 log=$work/stage.log began=$SECONDS code passed failed skipped
  printf '\n=== %s\n' "$name"
  # Not in an `||` or `if`: there bash ignores -e in the function, and only its last command would count.
  set +e
  (
    set -euo pipefail
    "$run"
  ) </dev/null 2>&1 | tee "$log"
  code=${PIPESTATUS[0]}
  set -e
  read -r passed failed skipped < <(node "$repo/scripts/ci/totals.mjs" "$log")
  # A failed stage without test results, or a test file that doesn't load, counts as one failure.
  [ "$code" = 0 ] || [ "$failed" != 0 ] || failed=1
  # Failed tests fail the stage, even if its exit code is 0.
  [ "$failed" = 0 ] || code=1
  total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed)) total_skipped=$((total_skipped + skipped))
  local verdict=passed
  [ "$code" = 0 ] || verdict=FAILED
  summary+=("$(printf '%-7s %5d s  %-34s %5d passed %3d failed %3d skipped' "$verdict" $((SECONDS - began)) "$name" "$passed" "$failed" "$skipped")")
  printf '=== %s %s after %d s\n' "$name" "$verdict" $((SECONDS - began))
}

# skipped NAME WHY: records a stage that could not be run here.
skipped() {
  total_skipped=$((total_skipped + 1))
  summary+=("$(printf '%-7s %5d s  %-34s %s' skipped 0 "$1" "$2")")
  printf '\n=== %s skipped: %s\n' "$1" "$2"
}

# conclude: prints the table and, on the last line, the total. Fails if any test failed.
conclude() {
  printf '\n'
  printf '%s\n' "${summary[@]}"
  printf '\n%d passed, %d failed, %d skipped\n' "$total_passed" "$total_failed" "$total_skipped"
  [ "$total_failed" = 0 ]
}

# readme COMMAND: runs a command of the README, exactly as it is there.
readme() {
  printf 'unchanged\t%s\n' "$1" >>"$record"
  echo "\$ $1"
  bash -euo pipefail -c "$1"
}

# readme_differs COMMAND HOW: records that a command of the README was run in another form.
readme_differs() { printf '%s\t%s\n' "$2" "$1" >>"$record"; }
