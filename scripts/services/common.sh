# Sourced by scripts/services.sh: paths, ports and functions that every service uses.
# shellcheck shell=bash

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# All clones share the downloads, which are large and never change.
cache=${WADO_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/wado-consumer}

# Outside the clone: the postgres and mysql users need access, and a clone may be below /root.
data=${WADO_SERVICES_DIR:-/var/tmp/wado-services-$(id -u)-$(printf %s "$repo" | cksum | cut -d' ' -f1)}
env_file=${WADO_SERVICES_ENV_FILE:-$repo/.services/env}

kafka_port=${WADO_KAFKA_PORT:-19092}
postgres_port=${WADO_POSTGRES_PORT:-15432}
mariadb_port=${WADO_MARIADB_PORT:-13306}
mysql_port=${WADO_MYSQL_PORT:-13307}

say() { echo "services: $*" >&2; }
fail() { say "$*"; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }

# listening PORT: true when a program accepts connections on the port.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# alive NAME: true while the process that was started for NAME runs.
alive() { [ -s "$data/$1.pid" ] && kill -0 "$(head -n 1 "$data/$1.pid")" 2>/dev/null; }

# wait_until SECONDS WHAT COMMAND...: polls until the command succeeds, fails after this time.
wait_until() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || fail "$what did not happen in time"
    sleep 0.1
  done
}

# retry COMMAND...: up to three attempts. For downloads only, never for tests.
retry() {
  local try
  for try in 1 2 3; do
    "$@" && return 0
    [ "$try" = 3 ] || { say "failed, retry in $((try * 5)) s: $*"; sleep $((try * 5)); }
  done
  return 1
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }

# packages NAME...: installs Debian packages as root; otherwise prints the command to run and exits.
packages() {
  if is_root && command -v apt-get >/dev/null; then
    say "installing $*"
    retry apt_get update >&2
    retry apt_get install -y --no-install-recommends "$@" >&2
  else
    say "packages are missing; install them and run this command again:"
    echo "  sudo apt-get update && sudo apt-get install -y $*" >&2
    exit 1
  fi
}

# as USER COMMAND...: as root, runs it as USER, because databases refuse to run as root.
as() {
  local user=$1
  shift
  if is_root; then (cd / && runuser -u "$user" -- "$@"); else "$@"; fi
}

# own_dir DIR USER: creates a folder that belongs to the user of the service.
own_dir() {
  mkdir -p "$1"
  if is_root; then chown "$2" "$1"; fi
}

# end NAME SIGNAL: signals the process and waits until it has ended.
end() {
  alive "$1" || return 0
  local pid
  pid=$(head -n 1 "$data/$1.pid")
  kill -s "$2" "$pid"
  wait_until 60 "the end of $1" not_running "$pid"
}
not_running() { ! kill -0 "$1" 2>/dev/null; }
