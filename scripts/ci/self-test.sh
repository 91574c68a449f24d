#!/usr/bin/env bash
# Tests scripts/ci/stages.sh: failures must be counted. Run by .ci/run before anything else.
set -euo pipefail
repo=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=scripts/ci/stages.sh
. "$repo/scripts/ci/stages.sh"

fails_in_the_middle() { false; echo 'not reached'; }
fails_in_a_readme_command() { readme 'false; true'; echo 'not reached'; }
counts() { printf ' Test Files  1 passed (1)\n      Tests  2 failed | 3 passed | 4 skipped (9)\n'; }
adds_image() { echo 'image-test: 5 passed, 0 failed'; }
is_fine() { true; }

{
  stage middle fails_in_the_middle
  stage readme fails_in_a_readme_command
  stage counts counts
  stage image adds_image
  stage fine is_fine
  skipped nothing 'because'
} >"$work/out"
got="$total_passed $total_failed $total_skipped"
[ "$got" = '8 4 5' ] || { cat "$work/out"; echo "counted $got, not 8 4 5"; exit 1; }
! grep -q 'not reached' "$work/out"
if conclude >/dev/null; then echo 'a failed run ended with success'; exit 1; fi
