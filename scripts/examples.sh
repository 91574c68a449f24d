#!/usr/bin/env bash
# Packs this repository, installs the tarball in a copy of examples/, and runs each example's tests there, without the repository.
#
#   scripts/examples.sh [NAME...]    default: all
set -euo pipefail
repo=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/wado-examples.XXXXXX")
trap 'rm -rf "$work"' EXIT

cp -a "$repo/examples/." "$work"
cd "$repo"
npm pack --silent --pack-destination "$work" >/dev/null
mv "$work"/wado-consumer-*.tgz "$work/wado-consumer.tgz"

cd "$work"
if [ $# = 0 ]; then
  # examples/ also holds files that no test runs.
  for name in */package.json; do set -- "$@" "${name%/package.json}"; done
fi
install() { npm install --ignore-scripts --prefer-offline --no-audit --no-fund --no-package-lock --loglevel=error; }

# Each has an installation of its own, as after copying it: a package that only another example names would be missing.
for name in "${@%/}"; do
  echo "--- $name"
  cd "$work/$name"
  install || { sleep 5; install; }
  # The native module as scripts/setup.mjs has provided it: the prebuilt one can't be downloaded everywhere.
  cp -a "$repo/node_modules/@confluentinc/kafka-javascript/build" node_modules/@confluentinc/kafka-javascript/
  npm run --silent typecheck
  npm test --silent
  rm -rf node_modules
done
