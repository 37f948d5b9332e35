#!/bin/bash
# docker-entrypoint.sh - gives the volume and itself to the user redis.
set -eu
if [ "$(id -u)" = 0 ]; then
	chown -R redis:redis /data
	exec setpriv --reuid redis --regid redis --init-groups "$0" "$@"
fi
exec "$@"
