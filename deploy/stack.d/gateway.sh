# shellcheck shell=bash
# gateway.sh - the gateway in front of the services, with deploy/gateway.cfg; its settings are environment variables there.

gateway_prepare() {
	[ -x "$MOA_BUILD/gateway" ] || fail "gateway is not built: there is no $MOA_BUILD/gateway; run make"
}

gateway_command() {
	local settings
	mapfile -t settings < <(gateway_env "$1")
	COMMAND=(env "${settings[@]}" "$MOA_BUILD/gateway" -f "${GATEWAY_CFG:-$DEPLOY/gateway.cfg}")
}

gateway_ready() { true; }

gateway_started() { true; }

# Where it listens, and where the services are, and their second instances that run. What the caller sets goes first: ITEM_ADDR, ITEM_ADDR_2 and
# the like; GATEWAY_… goes through by itself.
gateway_env() {
	local ports name service addr port second
	read -r -a ports <<<"$(ports_of "$1")"
	cat <<-E
	GATEWAY_BIND=$BIND
	GATEWAY_PORT=${ports[1]}
	GATEWAY_ADMIN_BIND=${ADMIN_BIND:-127.0.0.1}
	GATEWAY_ADMIN_PORT=${ports[0]}
	GATEWAY_SOCKET=$RUN/gateway.sock
	E
	for service in "${SERVICES[@]}"; do
		name=${service%_svc}
		read -r -a ports <<<"$(ports_of "$service")"
		addr=${name^^}_ADDR port=${name^^}_ADMIN_PORT
		printf '%s=%s\n%s=%s\n' "$addr" "${!addr:-127.0.0.1:${ports[1]}}" "$port" "${!port:-${ports[0]}}"
		second=${name^^}_ADDR_2
		[ -z "${!second-}" ] && [ -e "$RUN/$service.2.pid" ] || continue
		read -r -a ports <<<"$(ports_of "$service.2")"
		printf '%s_ADDR_2=127.0.0.1:%s\n%s_ADMIN_PORT_2=%s\n' "${name^^}" "${ports[1]}" "${name^^}" "${ports[0]}"
	done
}
