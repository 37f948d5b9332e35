# shellcheck shell=bash
# redis.sh - one Redis per domain. Its data folder needs no making.

redis_prepare() {
	need redis-server
	mkdir -p "$DATA/$1"
}

redis_command() {
	COMMAND=(redis-server "$DEPLOY/redis.conf" --dir "$DATA/$1" --port "$(port_of "$1")")
}

# It listens before it has read its data. With a full disk it refuses PING as well (MISCONF), and answers reads: it is there.
redis_ready() {
	timeout 2 redis-cli -h 127.0.0.1 -p "$(port_of "$1")" PING 2>/dev/null | grep -qE 'PONG|MISCONF'
}

redis_started() { true; }

redis_env() {
	echo "REDIS_URL=$(redis_url "${1%_redis}")"
}

redis_url() {
	echo "redis://127.0.0.1:$(port_of "$1_redis")/0"
}

redis_client() {
	local port
	port=$(port_of "$1_redis")
	shift
	need redis-cli
	exec redis-cli -h 127.0.0.1 -p "$port" "$@"
}
