#!/bin/sh
# Lints redpanda.yaml with Redpanda Connect: once as it is, where only this project's plugins may be unknown components, and once with the
# plugins' manifests, where nothing may be reported.
#
#   scripts/lint-with-connect.sh [FILE]        default: redpanda.yaml
#
# Redpanda Connect is built from its Go sources (CONNECT_SOURCE, default ../shared/connect) into a cache folder, once per version. Without
# the sources or without Go this prints "skipped" and exits with 0.
set -eu

cd "$(dirname "$0")/.."
file=${1:-redpanda.yaml}
source=${CONNECT_SOURCE:-../shared/connect}

skip() {
  echo "skipped: lint-with-connect ($1)"
  exit 0
}

[ -f "$source/main.go" ] || skip "no sources of Redpanda Connect in $source"

version=$(cat "$source/go.mod" "$source/go.sum" "$source/main.go" | cksum | tr ' ' '-')
cache=${XDG_CACHE_HOME:-$HOME/.cache}/wado-consumer/connect
connect=$cache/redpanda-connect-$version

if [ ! -x "$connect" ]; then
  command -v go >/dev/null || skip 'no go to build Redpanda Connect with'
  echo "building Redpanda Connect into $cache (several minutes, once)"
  mkdir -p "$cache"
  # Under another name first: an interrupted build must not look like a finished one.
  (cd "$source" && go build -o "$connect.new" .)
  mv "$connect.new" "$connect"
fi

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
