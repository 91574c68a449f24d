# PostgreSQL from Debian's packages; user postgres without a password on loopback, database dicom.
# shellcheck shell=bash
postgres_bin() {
  local dir
  for dir in /usr/lib/postgresql/*/bin; do [ -x "$dir/initdb" ] && found=$dir; done
  if [ -n "${found:-}" ]; then echo "$found"; elif command -v initdb >/dev/null; then dirname "$(command -v initdb)"; fi
}

postgres_install() { [ -n "$(postgres_bin)" ] || packages postgresql; }

postgres_start() {
  alive postgres && return 0
  listening "$postgres_port" && fail "port $postgres_port is used by another program: set WADO_POSTGRES_PORT"
  local dir=$data/postgres bin
  bin=$(postgres_bin)
  own_dir "$dir" postgres
  [ -f "$dir/data/PG_VERSION" ] || as postgres "$bin/initdb" -D "$dir/data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 >"$data/initdb.log" 2>&1 ||
    fail "initdb failed: see $data/initdb.log"
  as postgres "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 \
    -o "-p $postgres_port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir -c max_connections=200" start >/dev/null </dev/null ||
    fail "PostgreSQL did not start: see $dir/server.log"
  head -n 1 "$dir/data/postmaster.pid" >"$data/postgres.pid"
  as postgres "$bin/psql" -qAt -h 127.0.0.1 -p "$postgres_port" -U postgres -c "select 1 from pg_database where datname='dicom'" | grep -q 1 ||
    as postgres "$bin/createdb" -h 127.0.0.1 -p "$postgres_port" -U postgres dicom
}

# INT is PostgreSQL's fast shutdown: it doesn't wait for clients to disconnect.
postgres_stop() { end postgres INT; }
postgres_kill() { end postgres KILL; }
postgres_env() { echo "WADO_TEST_POSTGRES_DSN=postgres://postgres@127.0.0.1:$postgres_port/dicom"; }
