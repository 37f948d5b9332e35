# shellcheck shell=bash
# settings.sh - where a stack keeps its things, which ports it uses, and how it speaks.

MOA_VAR=$(realpath -m -- "${MOA_VAR:-$REPO/var}")
MOA_BUILD=$(realpath -m -- "${MOA_BUILD:-$REPO/build}")
MOA_CACHE=$(realpath -m -- "${MOA_CACHE:-$REPO/var/cache}")
MOA_PORT_OFFSET=${MOA_PORT_OFFSET:-0}
BIND=${BIND:-127.0.0.1}

RUN=$MOA_VAR/run
LOG=$MOA_VAR/log
DATA=$MOA_VAR/data
SPOOL=$MOA_VAR/spool

# Before the offset. First the port that a part is ready on.
declare -A PORTS=(
	[item_svc]="9501 5001" [alarm_svc]="9601 6001" [user_svc]="9701 7001"
	[item_db]=3311 [alarm_db]=3312 [user_db]=3313
	[item_redis]=6381 [alarm_redis]=6382 [user_redis]=6383
	[kafka]="9092 9093" [gateway]="8404 8089"
)

say() { printf '%s\n' "$*"; }

# A failure of one part: said on standard error, status 1.
fail() {
	printf 'deploy/stack: %s\n' "$*" >&2
	exit 1
}

usage() {
	printf 'deploy/stack: %s\n' "$*" >&2
	exit 2
}

[[ $MOA_PORT_OFFSET =~ ^[0-9]{1,5}$ ]] && ((10#$MOA_PORT_OFFSET <= 55000)) ||
	usage "MOA_PORT_OFFSET must be a number from 0 to 55000, not '$MOA_PORT_OFFSET'"
MOA_PORT_OFFSET=$((10#$MOA_PORT_OFFSET))

# The ports of part $1, offset included, separated by blanks. Instance 2 of a service is one above the first, and so on.
ports_of() {
	local base port number=1 with=()
	base=$(part_base "$1")
	[ "$base" = "$1" ] || number=${1##*.}
	for port in ${PORTS[$base]}; do
		with+=($((port + number - 1 + MOA_PORT_OFFSET)))
	done
	echo "${with[*]}"
}

# The port that part $1 is ready on.
port_of() {
	local all
	all=$(ports_of "$1")
	echo "${all%% *}"
}

# Ends with a hint when program $1 is not installed.
need() {
	command -v "$1" >/dev/null || fail "$1 is not installed: run make, or deploy/install run"
}
