# shellcheck shell=bash
# images.sh - builds the images: stand-ins for those of others, made of Debian's packages and Maven's jars, and our own.
#
# A stand-in has the variables, paths and init folder of the official image as far as deploy/docker-compose.yaml uses them. The
# engine keeps layers by their content, so what has not changed costs nothing. Everything is built with the host's network, and
# with the host's sources of packages, which are copied into the base image.

BUILD=(docker build --network host --quiet)

# Debian's smallest system, imported under a name that says what it was made of.
base_build() {
	local root suite=bookworm mirror
	DEBIAN_IMAGE=moa-test/base:$(cat tests/compose/images.sh /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null | cksum | cut -d ' ' -f 1)
	! docker image inspect "$DEBIAN_IMAGE" >/dev/null 2>&1 || return 0
	say "makes a base image of Debian's packages"
	mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $suite" | head -n 1)
	root=$(mktemp -d "$CACHE/base.XXXXXX") || return 1
	if debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} >>"$LOG" 2>&1; then
		cp -r /etc/apt/sources.list /etc/apt/sources.list.d "$root/etc/apt/" 2>/dev/null
		apt-config dump Acquire | grep -E '^Acquire::(https?|Check-[A-Za-z-]+|Retries)\b' >"$root/etc/apt/apt.conf.d/99host"
		rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
		tar -C "$root" -c . | docker import - "$DEBIAN_IMAGE" >>"$LOG" 2>&1
	fi
	rm -rf "$root"
	docker image inspect "$DEBIAN_IMAGE" >/dev/null 2>&1
}

# Image moa-test/$1 from folder $2.
stand_in() {
	"${BUILD[@]}" --build-arg "DEBIAN_IMAGE=$DEBIAN_IMAGE" --tag "moa-test/$1" "$2" >>"$LOG" 2>&1
}

# The jars lie elsewhere than the Dockerfile.
kafka_build() {
	local context status=0
	context=$(mktemp -d "$CACHE/kafka.XXXXXX") || return 1
	cp -r tests/compose/images/kafka/. deploy/kafka/log4j.properties "$context/" &&
		cp -rl "$CACHE/kafka-libs" "$context/" && stand_in kafka "$context" || status=1
	rm -rf "$context"
	return $status
}

# Our own images; compose finds their layers in the cache, whatever network it builds with.
ours_build() {
	local name
	for name in item_svc alarm_svc user_svc gateway; do
		"${BUILD[@]}" --build-arg "DEBIAN_IMAGE=$DEBIAN_IMAGE" --file deploy/Dockerfile --target "$name" . >>"$LOG" 2>&1 || return 1
	done
}

images_build() {
	local status=0 pid
	: >"$LOG"
	[ "${IMAGES-}" != official ] || return 0
	deploy/install images run kafka && base_build || return 1
	ours_build &
	pid=$!
	stand_in redis tests/compose/images/redis && stand_in mysql tests/compose/images/mysql && kafka_build || status=1
	wait "$pid" || status=1
	export DEBIAN_IMAGE MYSQL_IMAGE=moa-test/mysql REDIS_IMAGE=moa-test/redis KAFKA_IMAGE=moa-test/kafka
	return $status
}
