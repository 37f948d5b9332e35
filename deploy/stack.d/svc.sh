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
