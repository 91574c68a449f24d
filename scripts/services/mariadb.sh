# MariaDB from Debian's packages; user dicom, password dicom, database dicom.
# shellcheck shell=bash
mariadb_install() { command -v mariadbd >/dev/null || packages mariadb-server; }

mariadb_start() {
  alive mariadb && return 0
  listening "$mariadb_port" && fail "port $mariadb_port is used by another program: set WADO_MARIADB_PORT"
  local dir=$data/mariadb user
  is_root && user=mysql || user=$(id -un)
  own_dir "$dir" "$user"
  [ -d "$dir/data/mysql" ] || mariadb-install-db --no-defaults --datadir="$dir/data" --auth-root-authentication-method=normal \
    --user="$user" --skip-test-db >"$data/mariadb-install.log" 2>&1 || fail "mariadb-install-db failed: see $data/mariadb-install.log"
  cat >"$dir/init.sql" <<'S'
create database if not exists dicom character set utf8mb4;
create user if not exists dicom@'127.0.0.1' identified by 'dicom';
grant all on *.* to dicom@'127.0.0.1' with grant option;
S
  # shellcheck disable=SC2086  # the options are separate words
  setsid nohup mariadbd --no-defaults --datadir="$dir/data" ${WADO_MARIADB_OPTIONS:-} --port="$mariadb_port" --socket="$dir/socket" --user="$user" --bind-address=127.0.0.1 \
    --skip-name-resolve --init-file="$dir/init.sql" >"$dir/server.log" 2>&1 </dev/null &
  echo $! >"$data/mariadb.pid"
  wait_until 60 "the start of MariaDB (see $dir/server.log)" mariadb_ready
}

mariadb_ready() {
  alive mariadb || fail "MariaDB ended while starting: see $data/mariadb/server.log"
  mariadb-admin --no-defaults -h127.0.0.1 -P"$mariadb_port" -udicom -pdicom ping >/dev/null 2>&1
}
mariadb_stop() { end mariadb TERM; }
mariadb_kill() { end mariadb KILL; }
mariadb_env() { echo "WADO_TEST_MARIADB_DSN=mysql://dicom:dicom@127.0.0.1:$mariadb_port/dicom"; }
