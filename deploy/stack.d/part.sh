# shellcheck shell=bash
# part.sh - the verbs for one part. Each runs in a subshell of its own (see part_each in stack).
#
# A kind of part K (stack.d/K.sh) provides, each with the part's name as argument:
#	K_prepare  data folder and configuration, from nothing if need be; before it is started
#	K_command  sets COMMAND to the program and its arguments
#	K_ready    true when it answers; asked only when its first port listens
#	K_started  what remains to be done once it is ready
#	K_env      prints the settings it is started with

START_S=30
STOP_S=20
LOCK_S=120

# Takes the lock of part $1 for the rest of this subshell. The kernel gives it back, whatever happens.
part_lock() {
	exec 9>"$RUN/$1.lock"
	flock -w $LOCK_S 9 || fail "$1 is busy: another command holds $RUN/$1.lock"
}

part_ports_check() {
	local port
	for port in $(ports_of "$1"); do
		! port_listens "$port" || fail "$1 cannot start: port $port is taken by $(port_owner "$port")"
	done
}

# Waits until part $1 is ready; ends with the last words of its log when it dies or takes too long.
part_wait_ready() {
	local end=$((SECONDS + START_S)) kind port
	kind=$(part_kind "$1")
	port=$(port_of "$1")
	until port_listens "$port" && "${kind}_ready" "$1"; do
		proc_find "$1"
		case $STATE in
		paused) return 0 ;;
		running) ((SECONDS < end)) || fail "$1 does not answer after $START_S s and goes on trying; see $LOG/$1.log" ;;
		*)
			tail -n 10 "$LOG/$1.log" >&2
			fail "$1 ended at once; see $LOG/$1.log" ;;
		esac
		sleep $POLL_S
	done
}

part_start() {
	local kind
	kind=$(part_kind "$1")
	proc_find "$1"
	case $STATE in
	paused)
		say "$1: paused, process $PID"
		return ;;
	running)
		part_wait_ready "$1"
		say "$1: runs, process $PID"
		return ;;
	esac
	part_ports_check "$1"
	"${kind}_prepare" "$1" || return 1
	COMMAND=()
	"${kind}_command" "$1" || return 1
	proc_launch "$1" "${COMMAND[@]}"
	part_wait_ready "$1"
	"${kind}_started" "$1" || return 1
	proc_find "$1"
	say "$1: started, process $PID"
}

part_stop() {
	local pid
	proc_find "$1"
	if [ -z "$PID" ]; then
		part_forget "$1"
		return
	fi
	pid=$PID
	kill -TERM "$pid" 2>/dev/null
	kill -CONT "$pid" 2>/dev/null # a paused process gets the first signal after the second
	if ! proc_wait_gone "$1" $STOP_S; then
		say "$1: did not end within $STOP_S s, killed"
		kill -KILL "$pid" 2>/dev/null
		proc_wait_gone "$1" $STOP_S || fail "$1: process $pid does not go away"
	fi
	part_forget "$1"
	say "$1: stopped"
}

part_kill() {
	local pid
	proc_find "$1"
	[ -n "$PID" ] || return 0
	pid=$PID
	kill -KILL "$pid" 2>/dev/null
	proc_wait_gone "$1" $STOP_S || fail "$1: process $pid does not go away"
	say "$1: killed"
}

part_pause() {
	local end=$((SECONDS + 5))
	proc_find "$1"
	[ -n "$PID" ] || fail "$1 does not run"
	kill -STOP "$PID" || return 1
	until proc_all_stopped "$PID"; do
		((SECONDS < end)) || fail "$1: process $PID does not stop"
		sleep $POLL_S
	done
	say "$1: paused"
}

part_unpause() {
	proc_find "$1"
	[ -n "$PID" ] || return 0
	kill -CONT "$PID" || return 1
	say "$1: goes on"
}

# A part that was stopped in good order leaves no pid file; one that died does, and shows as dead.
part_forget() {
	rm -f "$RUN/$1.pid" "$RUN/$1.start"
}
