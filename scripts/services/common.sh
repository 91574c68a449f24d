# Sourced by scripts/services.sh and the files beside this one: paths, ports and small words shared by every service.
# shellcheck shell=bash

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Downloads are shared by all clones; they are large and never change.
cache=${WADO_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/wado-consumer}

# Not inside the clone: the postgres and mysql users must be able to walk there, and a clone may lie under /root.
data=${WADO_SERVICES_DIR:-/var/tmp/wado-services-$(id -u)-$(printf %s "$repo" | cksum | cut -d' ' -f1)}
env_file=${WADO_SERVICES_ENV_FILE:-$repo/.services/env}

kafka_port=${WADO_KAFKA_PORT:-19092}
postgres_port=${WADO_POSTGRES_PORT:-15432}
mariadb_port=${WADO_MARIADB_PORT:-13306}

say() { echo "services: $*" >&2; }
fail() { say "$*"; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }

# listening PORT: true when something accepts connections there.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# alive NAME: true when the process that we started for NAME still runs.
alive() { [ -s "$data/$1.pid" ] && kill -0 "$(head -n 1 "$data/$1.pid")" 2>/dev/null; }

# wait_until SECONDS WHAT COMMAND...: polls, fails loudly when the time is over.
wait_until() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || fail "$what did not happen in time"
    sleep 0.1
  done
}

# retry COMMAND...: three tries with a pause. For registries, never for tests.
retry() {
  local try
  for try in 1 2 3; do
    "$@" && return 0
    [ "$try" = 3 ] || { say "failed, again in $((try * 5)) s: $*"; sleep $((try * 5)); }
  done
  return 1
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }

# packages NAME...: installs Debian packages as root, else prints the line to type and stops.
packages() {
  if is_root && command -v apt-get >/dev/null; then
    say "installing $*"
    retry apt_get update >&2
    retry apt_get install -y --no-install-recommends "$@" >&2
  else
    say "these are missing; install them and run this again:"
    echo "  sudo apt-get update && sudo apt-get install -y $*" >&2
    exit 1
  fi
}

# as USER COMMAND...: databases refuse to run as root, and an ordinary user runs them as themselves.
as() {
  local user=$1
  shift
  if is_root; then (cd / && runuser -u "$user" -- "$@"); else "$@"; fi
}

# own_dir DIR USER: a private folder that belongs to the user the service runs as.
own_dir() {
  mkdir -p "$1"
  if is_root; then chown "$2" "$1"; fi
}

# end NAME SIGNAL: signals the process group leader's process and waits until it is gone.
end() {
  alive "$1" || return 0
  local pid
  pid=$(head -n 1 "$data/$1.pid")
  kill -s "$2" "$pid"
  wait_until 60 "the end of $1" not_running "$pid"
}
not_running() { ! kill -0 "$1" 2>/dev/null; }
