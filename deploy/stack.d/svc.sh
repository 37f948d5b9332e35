# shellcheck shell=bash
# svc.sh - our own services. All their settings are environment variables.

svc_prepare() {
	local program
	program=$MOA_BUILD/$(part_base "$1")
	[ -x "$program" ] || fail "$1 is not built: there is no $program; run make"
	mkdir -p "$SPOOL/$1"
}

svc_command() {
	local settings
	mapfile -t settings < <(svc_env "$1")
	COMMAND=(env "${settings[@]}" "$MOA_BUILD/$(part_base "$1")")
}

svc_ready() { true; }

svc_started() { true; }

# What every service needs to know, and then the caller's ITEM_SVC_… as settings of item_svc, of all its instances.
svc_env() {
	local ports name base domain prefix
	base=$(part_base "$1")
	domain=${base%_svc} prefix=${base^^}_
	read -r -a ports <<<"$(ports_of "$1")"
	cat <<-E
	BIND=$BIND
	PORT=${ports[1]}
	ADMIN_BIND=${ADMIN_BIND:-127.0.0.1}
	ADMIN_PORT=${ports[0]}
	MYSQL_URL=$(db_url "$domain")
	REDIS_URL=$(redis_url "$domain")
	KAFKA_BROKERS=$(kafka_brokers)
	SPOOL_DIR=$SPOOL/$1
	E
	for name in $(compgen -e "$prefix"); do
		echo "${name#"$prefix"}=${!name}"
	done
}

AUDIT_S=300

# Asks service $1 for a round of its audit, waits until one that began after is complete, and prints what it says of it.
svc_audit() {
	local url asked told end=$((SECONDS + AUDIT_S)) ask=(curl -fsS --noproxy '*' -m 5)
	need curl
	url=http://127.0.0.1:$(port_of "$1")/audit
	asked=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)
	"${ask[@]}" -o /dev/null -X POST "$url" || fail "$1 cannot be asked at $url"
	until told=$("${ask[@]}" "$url") && [[ $told =~ \"last\":\{[^}]*\"started\":\"([^\"]+)\" && ${BASH_REMATCH[1]} > $asked ]]; do
		((SECONDS < end)) || fail "$1 has not completed a round within $AUDIT_S s; see $url"
		sleep 0.2
	done
	say "$told"
}
