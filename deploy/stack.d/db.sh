# shellcheck shell=bash
# db.sh - the databases: one MariaDB server per domain, each on a data folder of its own.
#
# A new data folder is made beside its place, with a server that listens on a socket only, and
# moved there when it is whole: one that was cut short is never taken for a database.
# The administrator is the system user who runs this, through the socket and without a password.

ADMIN=$(id -un)

# A socket's path has room for 107 bytes.
db_socket() {
	local path=$RUN/$1.sock folder
	if [ ${#path} -gt 100 ]; then
		folder=/tmp/moa-$(id -u)-$(printf '%s' "$RUN" | cksum | cut -d ' ' -f 1)
		mkdir -p -m 700 "$folder"
		path=$folder/$1.sock
	fi
	echo "$path"
}

# Sets SERVER to the words that start a server: $1 data folder, $2 socket.
db_server() {
	SERVER=(mariadbd "--defaults-file=$DEPLOY/mysql.cnf" "--datadir=$1" "--socket=$2" "--pid-file=$1/mariadbd.pid")
	# It refuses to be root unless told. Another user might not reach the checkout.
	[ "$ADMIN" != root ] || SERVER+=(--user=root)
}

# A server that starts deletes the temporary tables that lie in its TMPDIR: each has one of its own.
db_tmpdir() {
	export TMPDIR=$RUN/$1.tmp
	mkdir -p "$TMPDIR"
}

db_prepare() {
	local data=$DATA/$1
	db_tmpdir "$1" || return 1
	need mariadbd
	need mariadb
	if [ -n "$(ls -A "$data" 2>/dev/null)" ]; then
		[ -d "$data/mysql" ] || fail "$data holds something that is not a database: move it away"
		return
	fi
	say "$1: makes a new database"
	db_create "$1" "$data" "$DATA/.new-$1" >>"$LOG/$1.log" 2>&1 || fail "$1: making the database failed; see $LOG/$1.log"
}

# Makes the database of part $1 in folder $3 and moves it to $2.
db_create() {
	local socket server user=()
	socket=$(db_socket "new-$1")
	[ "$ADMIN" != root ] || user=(--user=root)
	rm -rf "$3" && mkdir -p "$3" || return 1
	# --force: the name of this machine need not resolve.
	mariadb-install-db "--defaults-file=$DEPLOY/mysql.cnf" "--datadir=$3" "${user[@]}" --skip-test-db --force \
		--skip-name-resolve --auth-root-authentication-method=socket "--auth-root-socket-user=$ADMIN" || return 1
	db_server "$3" "$socket"
	# It must not outlive this shell, which it would if somebody killed the shell now.
	setpriv --pdeathsig KILL -- "${SERVER[@]}" --skip-networking 9>&- &
	server=$!
	until [ -S "$socket" ] && mariadb --no-defaults "--socket=$socket" "--user=$ADMIN" -e 'DO 0'; do
		kill -0 $server 2>/dev/null || return 1
		sleep $POLL_S
	done
	"$DEPLOY/migrate" --init "${1%_db}" "--socket=$socket" "--user=$ADMIN" || return 1
	kill -TERM $server && wait $server || return 1
	[ ! -d "$2" ] || rmdir "$2" || return 1
	mv -T "$3" "$2"
}

db_command() {
	db_server "$DATA/$1" "$(db_socket "$1")"
	COMMAND=("${SERVER[@]}" --bind-address=127.0.0.1 "--port=$(port_of "$1")")
}

db_ready() { true; }

db_started() { db_migrate "$1"; }

db_migrate() {
	"$DEPLOY/migrate" "${1%_db}" "--socket=$(db_socket "$1")" "--user=$ADMIN" || fail "$1: migrations failed"
}

db_env() {
	cat <<-E
	MYSQL_SOCKET=$(db_socket "$1")
	MYSQL_ADMIN=$ADMIN
	MYSQL_URL=$(db_url "${1%_db}")
	E
}

# The URL with which the service of domain $1 reaches its database.
db_url() {
	local password=${1^^}_DB_PASSWORD
	echo "mysql://$1_svc:${!password:-moa}@127.0.0.1:$(port_of "$1_db")/$1"
}

# The database client as administrator of domain $1, with SQL $2 or standard input.
db_client() {
	local options=(--no-defaults "--socket=$(db_socket "$1_db")" "--user=$ADMIN" --connect-timeout=10 --comments
		--default-character-set=utf8mb4)
	need mariadb
	[ -t 0 ] && [ -t 1 ] || options+=(--batch)
	[ $# -lt 2 ] || options+=("--execute=$2")
	exec mariadb "${options[@]}" "$1"
}
