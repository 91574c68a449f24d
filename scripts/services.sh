#!/usr/bin/env bash
# Kafka, PostgreSQL, MariaDB and MySQL on this machine without containers, for tests and for experiments.
#
#   scripts/services.sh up [kafka] [postgres] [mariadb] [mysql]   start and wait until healthy (default: kafka postgres)
#   scripts/services.sh down                              stop all and delete their data
#   scripts/services.sh status                            one line per service; exit 1 when one has been started and does not run
#   scripts/services.sh env                               the variables the tests read: eval "$(scripts/services.sh env)"
#   scripts/services.sh stop|start|kill|restart NAME      for fault tests; data stays; kill is kill -9
#   scripts/services.sh tool CLASS [ARGUMENTS]            a Kafka command line tool, e.g. org.apache.kafka.tools.TopicCommand
#
# Ports: WADO_KAFKA_PORT 19092 (and the next one), WADO_POSTGRES_PORT 15432, WADO_MARIADB_PORT 13306, WADO_MYSQL_PORT 13307.
# Data: WADO_SERVICES_DIR.
# As root on Debian, missing programs are installed with apt-get; otherwise the command to run is printed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for part in common kafka postgres mariadb mysql; do
  # shellcheck source=/dev/null
  . "$here/services/$part.sh"
done
all=(kafka postgres mariadb mysql)

known() { case "$1" in kafka | postgres | mariadb | mysql) ;; *) fail "there is no service called '$1': kafka, postgres, mariadb, mysql" ;; esac; }

write_env() {
  mkdir -p "$(dirname "$env_file")"
  local name
  for name in "${all[@]}"; do if alive "$name"; then "${name}_env"; fi; done >"$env_file"
}

up() {
  local name
  [ $# -gt 0 ] || set -- kafka postgres
  for name in "$@"; do known "$name"; done
  mkdir -p "$data"
  for name in "$@"; do
    if alive "$name"; then continue; fi
    case $name in
      mysql) mysql_install || continue ;; # not available on every machine
      *) "${name}_install" ;;
    esac
    local began=$SECONDS
    "${name}_start"
    say "$name is up after $((SECONDS - began)) s: $("${name}_env")"
  done
  write_env
}

down() {
  local name
  for name in "${all[@]}"; do "${name}_kill"; done
  rm -rf "$data" "$env_file"
}

status() {
  local name bad=0
  for name in "${all[@]}"; do
    if alive "$name"; then
      echo "$name running $("${name}_env")"
    elif [ -s "$data/$name.pid" ]; then
      echo "$name stopped"
      bad=1
    else echo "$name not started"; fi
  done
  return $bad
}

one() {
  [ $# = 2 ] || fail "usage: scripts/services.sh $1 kafka|postgres|mariadb|mysql"
  known "$2"
  case "$1" in
    restart) "${2}_stop" && "${2}_start" ;;
    *) "${2}_$1" ;;
  esac
  write_env
}

# The services outlive this command. They must not inherit other files of its caller, such as one that it has locked.
for descriptor in /proc/$$/fd/*; do
  case ${descriptor##*/} in 0 | 1 | 2 | 255 | '*') ;; *) eval "exec ${descriptor##*/}>&-" ;; esac # 255: this script
done

command=${1:-help}
[ $# = 0 ] || shift
case "$command" in
  up) up "$@" ;;
  down) down ;;
  status) status ;;
  env) for name in "${all[@]}"; do if alive "$name"; then echo "export $("${name}_env")"; fi; done ;;
  stop | start | kill | restart) one "$command" "$@" ;;
  tool) kafka_tool "$@" ;;
  *) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"; [ "$command" = help ] ;;
esac
