#!/bin/bash
# docker-entrypoint.sh - what the official image's does, as far as the shop uses it.
#
# On an empty volume: makes the database, with a server that listens on its socket only; then root's password, MYSQL_DATABASE,
# MYSQL_USER with MYSQL_PASSWORD and all rights on that database; then the files of the init folder in the order of their names.
set -eu -o pipefail

DATA=/var/lib/mysql
SOCKET=/run/mysqld/mysqld.sock

if [ "$(id -u)" = 0 ]; then
	chown mysql:mysql $DATA
	exec setpriv --reuid mysql --regid mysql --init-groups "$0" "$@"
fi

client() { MYSQL_PWD=${PASSWORD-} mariadb --no-defaults --socket=$SOCKET --user=root --default-character-set=utf8mb4 --comments "$@"; }

run_init_files() {
	local file
	for file in /docker-entrypoint-initdb.d/*; do
		echo "runs $file"
		case $file in
		*.sh)
			if [ -x "$file" ]; then
				"$file"
			else
				# shellcheck source=/dev/null
				. "$file"
			fi ;;
		*.sql) client "$MYSQL_DATABASE" <"$file" ;;
		esac
	done
}

if [ ! -d $DATA/mysql ]; then
	mariadb-install-db --datadir=$DATA --skip-test-db --force --skip-name-resolve --auth-root-authentication-method=normal >/dev/null
	"$@" --skip-networking --socket=$SOCKET &
	server=$!
	until [ -S $SOCKET ] && client -e 'DO 0' 2>/dev/null; do
		kill -0 $server
		sleep 0.05
	done
	client <<-S
	ALTER USER root@localhost IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
	CREATE USER root@'%' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
	GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
	CREATE DATABASE \`$MYSQL_DATABASE\`;
	CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
	GRANT ALL ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%';
	S
	PASSWORD=$MYSQL_ROOT_PASSWORD
	run_init_files
	kill $server
	wait $server
fi
exec "$@" --socket=$SOCKET
