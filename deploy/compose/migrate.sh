#!/bin/bash
# migrate.sh - applies the migrations inside a database container; the image runs it once, after init_database.sql.
#
# Later, for a database that lacks the newest ones: docker compose exec item_db /docker-entrypoint-initdb.d/2_migrate.sh
export MYSQL_PWD=$MYSQL_ROOT_PASSWORD
export "${MYSQL_DATABASE^^}_DB_PASSWORD=$MYSQL_PASSWORD"
exec /moa/deploy/migrate "$MYSQL_DATABASE" --socket=/var/run/mysqld/mysqld.sock --user=root
