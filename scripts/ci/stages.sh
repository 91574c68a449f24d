# Sourced by .ci/run: stages with their durations, the sum of all test results, and a record of the README's commands that were run.
# shellcheck shell=bash

total_passed=0 total_failed=0 total_skipped=0
summary=()
record=$work/readme-commands
: >"$record"

# stage NAME FUNCTION: runs the function in a subshell, shows its output as it comes, and adds up the test results in it. A failed stage
# does not stop the others: one run shows everything.
stage() {
  local name=$1 run=$2 log=$work/stage.log began=$SECONDS code passed failed skipped
  printf '\n=== %s\n' "$name"
  # Not as part of an `||` or `if`: there bash would ignore -e in the function, and only its last command would count.
  set +e
  (
    set -euo pipefail
    "$run"
  ) </dev/null 2>&1 | tee "$log"
  code=${PIPESTATUS[0]}
  set -e
  read -r passed failed skipped < <(node "$repo/scripts/ci/totals.mjs" "$log")
  # A stage without tests that fails, or a test file that doesn't load, counts as one failure.
  [ "$code" = 0 ] || [ "$failed" != 0 ] || failed=1
  # Failures in a stage that says it is fine would be a stage that hides them.
  [ "$failed" = 0 ] || code=1
  total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed)) total_skipped=$((total_skipped + skipped))
  local verdict=passed
  [ "$code" = 0 ] || verdict=FAILED
  summary+=("$(printf '%-7s %5d s  %-34s %5d passed %3d failed %3d skipped' "$verdict" $((SECONDS - began)) "$name" "$passed" "$failed" "$skipped")")
  printf '=== %s %s after %d s\n' "$name" "$verdict" $((SECONDS - began))
}

# skipped NAME WHY: what could not be run here, by name. Counted.
skipped() {
  total_skipped=$((total_skipped + 1))
  summary+=("$(printf '%-7s %5d s  %-34s %s' skipped 0 "$1" "$2")")
  printf '\n=== %s skipped: %s\n' "$1" "$2"
}

# conclude: the table, and alone on the last line the sum. Fails when anything did.
conclude() {
  printf '\n'
  printf '%s\n' "${summary[@]}"
  printf '\n%d passed, %d failed, %d skipped\n' "$total_passed" "$total_failed" "$total_skipped"
  [ "$total_failed" = 0 ]
}

# readme COMMAND: runs a command that stands in the README, exactly as it stands there.
readme() {
  printf 'as it stands\t%s\n' "$1" >>"$record"
  echo "\$ $1"
  bash -euo pipefail -c "$1"
}

# readme_differs COMMAND HOW: says that a command of the README was run in another form, and in which.
readme_differs() { printf '%s\t%s\n' "$2" "$1" >>"$record"; }
