#!/bin/sh
# Lints redpanda.yaml with Redpanda Connect (scripts/connect/build.sh): once as it is, where only this project's plugins may be unknown
# components, and once with the plugins' manifests, where nothing may be reported.
#
#   scripts/lint-with-connect.sh [FILE]        default: redpanda.yaml
#
# Without Go this prints "skipped" and exits with 0.
set -eu

cd "$(dirname "$0")/.."
file=${1:-redpanda.yaml}
connect=$(scripts/connect/build.sh) || {
  [ $? = 3 ] || exit 1
  echo 'skipped: lint-with-connect (no go to build Redpanda Connect with)'
  exit 0
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# As it is: every line must be about a plugin.
"$connect" lint "$file" >"$work/bare" 2>&1 || true
if grep -vE 'unable to infer (component|processor|output) type from candidates: \[[a-z_, ]*(group_dicom_state|dicom_store)[a-z_, ]*\]' \
  "$work/bare" >&2; then
  echo "Redpanda Connect reports problems in $file" >&2
  exit 1
fi

# With the plugins' manifests, nothing may be reported.
RPC_PLUGINS='plugins/*.yaml' "$connect" lint "$file" >"$work/silent" 2>&1 || {
  cat "$work/silent" >&2
  echo "Redpanda Connect reports problems in $file" >&2
  exit 1
}
if [ -s "$work/silent" ]; then
  cat "$work/silent" >&2
  exit 1
fi
echo "passed: Redpanda Connect reports no problem in $file"
