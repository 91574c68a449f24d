# MySQL 9: the server on PATH if it is MySQL's own, else Debian sid's package with its own libc, unpacked in the cache, so that older
# releases can run it. If neither is available, `up mysql` says why and continues. User dicom, password dicom, database dicom.
# shellcheck shell=bash
mysql_trees=$cache/mysql

# Prints the folder that holds bin/mysqld, or nothing.
mysql_tree() {
  local newest
  newest=$(find "$mysql_trees" -mindepth 3 -maxdepth 3 -path '*/bin/mysqld' 2>/dev/null | sort -V | tail -n 1)
  [ -z "$newest" ] || dirname "$(dirname "$newest")"
}

mysql_on_path() { command -v mysqld >/dev/null && ! mysqld --version | grep -qi mariadb; }

mysql_install() {
  mysql_on_path || [ -n "$(mysql_tree)" ] && return 0
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { say "MySQL is skipped: it needs Debian's apt-get"; return 1; }
  mkdir -p "$mysql_trees"
  local work
  work=$(mktemp -d "$mysql_trees/work.XXXXXX")
  say "downloading MySQL 9 from Debian sid (76 MB)"
  if retry mysql_download "$work" && mysql_unpack "$work" && "$work/root/bin/mysqld" --no-defaults --version >/dev/null; then
    chmod -R a+rX "$work/root"
    # Another clone may have downloaded the same version in the meantime.
    mv -T "$work/root" "$mysql_trees/$(cat "$work/version")" 2>/dev/null || true
  fi
  rm -rf "$work"
  [ -n "$(mysql_tree)" ] || { say "MySQL is skipped: Debian sid's mysql-server-core could not be downloaded or does not run here"; return 1; }
}

# mysql_download WORK: fetches the packages of the server, the client and their libraries. apt reads and writes only below WORK, apart from
# this machine's own settings, so neither its packages nor its lists change.
mysql_download() {
  local work=$1 codename mirror key=/usr/share/keyrings/debian-archive-keyring.gpg
  rm -rf "${work:?}"/*
  mkdir -p "$work"/state "$work"/lists/partial "$work"/cache/archives/partial
  : >"$work/status"
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016  # apt's own placeholders
  mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v release="$codename" '$2 == release && $3 == "main" { print $1; exit }')
  [ -n "$mirror" ] || mirror=http://deb.debian.org/debian/
  [ -f "$key" ] && key="[signed-by=$key] " || key=
  echo "deb $key$mirror sid main" >"$work/sources.list"
  cat >"$work/apt.conf" <<C
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$work/state";
Dir::State::Lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "5";
C
  (
    export APT_CONFIG="$work/apt.conf"
    apt-get -qq update && apt-cache policy mysql-server-core | awk '/Candidate:/ { sub(/[-+~].*/, "", $2); print $2 }' >"$work/version" &&
      grep -q '^9\.' "$work/version" && apt-get -qq -y --download-only install mysql-server-core mysql-client-core
  ) >"$work/apt.log" 2>&1
}

# mysql_unpack WORK: unpacks into WORK/root; bin/NAME starts each program with sid's own loader and libraries.
mysql_unpack() {
  local work=$1 root=$1/root deb loader program
  mkdir -p "$root/bin"
  for deb in "$work"/cache/archives/*.deb; do
    case ${deb##*/} in perl* | libperl*) continue ;; esac
    dpkg-deb -x "$deb" "$root" || return 1
  done
  loader=$(find "$root/usr/lib" -name 'ld-linux*.so.*' | head -n 1)
  [ -n "$loader" ] || return 1
  rm -rf "$root"/etc "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/locale
  find "$root/usr/bin" -type f ! -name mysql ! -name mysqladmin -delete
  find "$root" -xtype l -delete
  for program in sbin/mysqld bin/mysql bin/mysqladmin; do
    cat >"$root/bin/${program##*/}" <<W
#!/bin/sh
tree=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
loader=\$tree/${loader#"$root"/}
exec "\$loader" --library-path "\$(dirname "\$loader")" --argv0 "\$tree/usr/$program" "\$tree/usr/$program" "\$@"
W
    chmod 755 "$root/bin/${program##*/}"
  done
}

# mysql_options: the options of every start of the server, one a line.
mysql_options() {
  local dir=$1 user=$2
  if ! mysql_on_path; then
    local share=$dir/program/usr/share/mysql
    printf '%s\n' "--basedir=$dir/program/usr" "--lc-messages-dir=$share" "--character-sets-dir=$share/charsets" \
      "--plugin-dir=$dir/program/usr/lib/mysql/plugin"
  fi
  printf '%s\n' "--datadir=$dir/data" "--user=$user" --performance-schema=OFF --local-infile=ON --secure-file-priv=
}

mysql_start() {
  alive mysql && return 0
  listening "$mysql_port" && fail "port $mysql_port is used by another program: set WADO_MYSQL_PORT"
  local dir=$data/mysql user server=mysqld options
  is_root && user=mysql || user=$(id -un)
  if [ "$user" = mysql ] && ! id mysql >/dev/null 2>&1; then useradd --system --no-create-home mysql; fi
  own_dir "$dir" "$user"
  if ! mysql_on_path; then
    # The cache may be below a folder that only root can enter. Hard links cost no space.
    [ -d "$dir/program" ] || cp -al "$(mysql_tree)" "$dir/program" 2>/dev/null || cp -a "$(mysql_tree)" "$dir/program"
    server=$dir/program/bin/mysqld
  fi
  mapfile -t options < <(mysql_options "$dir" "$user")
  cat >"$dir/init.sql" <<'S'
create database if not exists dicom;
create user if not exists dicom@'%' identified by 'dicom';
grant all on *.* to dicom@'%' with grant option;
S
  [ -d "$dir/data/mysql" ] || "$server" --no-defaults "${options[@]}" --initialize-insecure >"$dir/init.log" 2>&1 ||
    fail "MySQL could not create its data folder: see $dir/init.log"
  # shellcheck disable=SC2086  # the options are separate words
  setsid nohup "$server" --no-defaults "${options[@]}" ${WADO_MYSQL_OPTIONS:-} --port="$mysql_port" --bind-address=127.0.0.1 --mysqlx=OFF --socket="$dir/socket" \
    --init-file="$dir/init.sql" >"$dir/server.log" 2>&1 </dev/null &
  echo $! >"$data/mysql.pid"
  wait_until 60 "the start of MySQL (see $dir/server.log)" mysql_ready
}

mysql_ready() {
  alive mysql || fail "MySQL ended while starting: see $data/mysql/server.log"
  grep -q "ready for connections.* port: $mysql_port" "$data/mysql/server.log"
}
mysql_stop() { end mysql TERM; }
mysql_kill() { end mysql KILL; }
mysql_env() { echo "WADO_TEST_MYSQL_DSN=mysql://dicom:dicom@127.0.0.1:$mysql_port/dicom"; }
