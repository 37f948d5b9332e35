# shellcheck shell=bash
# process.sh - starting, finding and ending the process of a part, and looking at ports.
#
# run/NAME.pid holds the process, run/NAME.start when that process began (clock ticks since boot,
# and the boot): a number that was given to another process meanwhile is not mistaken for ours.

BOOT=$(</proc/sys/kernel/random/boot_id)
POLL_S=0.02

# Written to a shell of its own: $1 pid file, $2 start file, $3 boot, then the program.
# It records itself before it becomes the program, so there is no moment in which a part runs
# and nobody knows; and it keeps none of the caller's files open, or the caller's pipe never ends.
# shellcheck disable=SC2016
LAUNCHER='
for fd in /proc/self/fd/*; do
	n=${fd##*/}
	[ "$n" -le 2 ] || eval "exec $n>&-"
done
ulimit -S -n 12000 2>/dev/null || ulimit -S -n "$(ulimit -H -n)"
read -r stat </proc/$$/stat
fields=(${stat##*) })
echo "$3 ${fields[19]}" >"$2" && echo $$ >"$1.new" && mv -f "$1.new" "$1" || exit 1
shift 3
exec "$@"
'

# Looks for the process of part $1: sets PID (empty when there is none) and STATE
# (running, paused, dead: killed, not stopped; stopped).
proc_find() {
	local pid='' started='' stat='' fields
	PID='' STATE=stopped
	{ read -r pid <"$RUN/$1.pid"; } 2>/dev/null
	[ -n "$pid" ] || return 0
	STATE=dead
	{ read -r started <"$RUN/$1.start"; } 2>/dev/null
	{ read -r stat <"/proc/$pid/stat"; } 2>/dev/null
	[ -n "$stat" ] || return 0
	read -r -a fields <<<"${stat##*) }"
	[ "$started" = "$BOOT ${fields[19]}" ] || return 0
	case ${fields[0]} in
	Z | X) # ended, unless threads of it are left; its parent has not looked yet
		fields=("/proc/$pid/task/"*)
		[ ${#fields[@]} -le 1 ] || PID=$pid STATE=running ;;
	T) PID=$pid STATE=paused ;;
	*) PID=$pid STATE=running ;;
	esac
}

# Starts part $1: the words that follow are the program and its arguments. Returns when it is
# recorded, which says nothing about how far it got.
proc_launch() {
	local name=$1 launcher
	shift
	rm -f "$RUN/$name.pid" "$RUN/$name.start"
	(cd "$MOA_VAR" && exec setsid env --default-signal bash -c "$LAUNCHER" "$name" "$RUN/$name.pid" "$RUN/$name.start" \
		"$BOOT" "$@" </dev/null >>"$LOG/$name.log" 2>&1) &
	launcher=$!
	until [ -e "$RUN/$name.pid" ]; do
		kill -0 "$launcher" 2>/dev/null || fail "$name could not be launched; see $LOG/$name.log"
		sleep $POLL_S
	done
}

# Waits until the process of part $1 is gone with all its threads, and then for the ports that it
# leaves; $2 seconds at most. Status 1 when the process is still there. Ports that another program
# holds do not count, so the wait for them is short.
proc_wait_gone() {
	local end=$((SECONDS + $2)) port ports
	while proc_find "$1" && [ -n "$PID" ]; do
		((SECONDS < end)) || return 1
		sleep $POLL_S
	done
	end=$((SECONDS + 2))
	ports=$(ports_of "$1")
	for port in $ports; do
		while port_listens "$port" && ((SECONDS < end)); do
			sleep $POLL_S
		done
	done
	return 0
}

# True when every thread of process $1 is stopped.
proc_all_stopped() {
	local file stat
	for file in "/proc/$1/task/"*/stat; do
		{ read -r stat <"$file"; } 2>/dev/null || continue
		stat=${stat##*) }
		[[ $stat == [TZX]* ]] || return 1
	done
}

# Lines of /proc/net/tcp for sockets that listen on port $1, on whatever address.
port_lines() {
	local hex
	printf -v hex '%04X' "$1"
	grep -hE "^ *[0-9]+: [0-9A-F]+:$hex [0-9A-F]+:0000 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

port_listens() { port_lines "$1" >/dev/null; }

# Says who listens on port $1, as far as /proc tells.
port_owner() {
	local inode found pid
	inode=$(port_lines "$1" | awk 'NR == 1 { print $10 }')
	found=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" -print -quit 2>/dev/null)
	pid=${found#/proc/}
	pid=${pid%%/*}
	if [ -n "$pid" ]; then
		echo "process $pid ($(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c 1-60))"
	else
		echo "a process of another user"
	fi
}

# Prints an offset at which every port of a stack is free, below the range from which the system
# takes ports for outgoing connections.
port_offset() {
	local try name port taken
	for try in {1..100}; do
		MOA_PORT_OFFSET=$((10000 + (RANDOM * 32768 + RANDOM) % 12000)) taken=
		for name in "${PARTS[@]}" "${SERVICES[@]/%/.2}"; do
			for port in $(ports_of "$name"); do
				! port_listens "$port" || taken=1
			done
		done
		[ -n "$taken" ] || break
	done
	[ -z "$taken" ] || fail "found no free ports in $try tries"
	echo "$MOA_PORT_OFFSET"
}
