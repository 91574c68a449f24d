#!/bin/sh
# Prints the path of a Redpanda Connect that was built from test/connect: its Apache-2.0 parts, with plugins over gRPC. Builds it if the cache
# doesn't have it: several minutes and 1.5 GB of Go's own cache the first time, seconds after that. Exit code 3 where there is no Go.
set -eu

cd "$(dirname "$0")/../../test/connect"
version=$(cat go.mod go.sum main.go | cksum | tr ' ' '-')
cache=${XDG_CACHE_HOME:-$HOME/.cache}/wado-consumer/connect
connect=$cache/redpanda-connect-$version

if [ ! -x "$connect" ]; then
  if ! command -v go >/dev/null; then
    echo 'there is no go to build Redpanda Connect with' >&2
    exit 3
  fi
  echo "building Redpanda Connect into $cache (several minutes, once)" >&2
  mkdir -p "$cache"
  # Downloads may fail for a moment; a build that fails is not repeated.
  for pause in 5 15 0; do
    if go mod download >&2; then break; fi
    [ "$pause" != 0 ] || exit 1
    sleep "$pause"
  done
  # Under another name first: an interrupted build must not look like a finished one.
  go build -o "$connect.new" . >&2
  mv "$connect.new" "$connect"
fi
echo "$connect"
