# shellcheck shell=bash
# engine.sh - the container engine: the one that runs, or a dockerd of our own.
#
# Ours has its data in a folder of the cache, so images are built once; it listens on a socket there, and leaves the machine's packet
# filter and routes alone. So its containers reach nothing outside; what is built uses the host's network.

ENGINE=$CACHE/engine
ENGINE_START_S=30
engine_pid=

engine_find() {
	docker info >/dev/null 2>&1 || return 1
	say "uses the engine that runs"
}

engine_start() {
	local end=$((SECONDS + ENGINE_START_S))
	[ "$(id -u)" = 0 ] || { say "SKIPPED: no container engine runs, and only root can start one"; return 1; }
	mkdir -p "$ENGINE" || return 1
	exec 8>"$ENGINE/lock"
	flock -n 8 || { say "SKIPPED: another run uses the engine in $ENGINE"; return 1; }
	# A socket's path has room for 107 bytes.
	ENGINE_RUN=$(mktemp -d) || return 1
	export DOCKER_HOST=unix://$ENGINE_RUN/docker.sock
	# It ends with this shell, whatever ends that.
	setsid setpriv --pdeathsig TERM -- dockerd --data-root "$ENGINE" --exec-root "$ENGINE_RUN/exec" --pidfile "$ENGINE_RUN/pid" --host "$DOCKER_HOST" \
		--bridge=none --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false </dev/null >"$LOG.engine" 2>&1 8>&- &
	engine_pid=$!
	until docker info >/dev/null 2>&1; do
		if ! kill -0 $engine_pid 2>/dev/null || ((SECONDS > end)); then
			say "SKIPPED: dockerd does not start: $(grep -E 'failed|level=(fatal|error)' "$LOG.engine" | tail -n 1)"
			return 1
		fi
		sleep 0.1
	done
	say "started an engine of its own"
}

engine_stop() {
	[ -n "$engine_pid" ] || return 0
	kill -TERM "$engine_pid" 2>/dev/null && wait "$engine_pid" 2>/dev/null
	# The host's network, which what was built used, stays mounted.
	umount "$ENGINE_RUN"/exec/netns/* 2>/dev/null
	rm -rf "$ENGINE_RUN"
}
