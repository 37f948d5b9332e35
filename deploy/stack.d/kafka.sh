# shellcheck shell=bash
# kafka.sh - Apache Kafka, one node that is broker and controller, from jars that Maven fetched.

kafka_jars() { echo "$MOA_CACHE/kafka-libs"; }

# The configuration for log folder $2, written to file $1. KAFKA_MORE_LISTENERS: words NAME=WHERE_IT_LISTENS/WHAT_IT_TELLS_CLIENTS, each HOST:PORT.
kafka_configure() {
	local ports word name where listeners='' told='' protocols=''
	read -r -a ports <<<"$(ports_of kafka)"
	for word in ${KAFKA_MORE_LISTENERS-}; do
		[[ $word =~ ^[A-Z]+=[^/]+:[0-9]+/[^/]+:[0-9]+$ ]] || fail "kafka: a listener is NAME=HOST:PORT/HOST:PORT, not '$word'"
		name=${word%%=*} where=${word#*=}
		listeners+=,$name://${where%/*} told+=,$name://${where#*/} protocols+=,$name:PLAINTEXT
	done
	{
		cat "$DEPLOY/kafka/server.properties" &&
			cat <<-E
			controller.quorum.voters=1@127.0.0.1:${ports[1]}
			listeners=PLAINTEXT://127.0.0.1:${ports[0]},CONTROLLER://127.0.0.1:${ports[1]}$listeners
			advertised.listeners=PLAINTEXT://127.0.0.1:${ports[0]}$told
			listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT$protocols
			log.dirs=$2
			E
	} >"$1"
}

# Sets JAVA to the words that run a class of Kafka.
kafka_java() {
	# The quick compiler and the simple collector: a broker that starts in two seconds is worth more
	# here than one that is fastest after a minute.
	JAVA=(java -Xmx512m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -Djava.awt.headless=true
		"-Dlog4j.configuration=file:$DEPLOY/kafka/log4j.properties" -cp "$(kafka_jars)/*")
}

# Like a database, a new log folder is made beside its place and moved there when it is whole.
kafka_prepare() {
	local data=$DATA/$1 new=$DATA/.new-$1 config=$RUN/$1-new.properties id
	need java
	[ -e "$(kafka_jars)/pom.xml" ] || fail "Kafka is not in $(kafka_jars): run make run, or deploy/install kafka"
	kafka_configure "$RUN/$1.properties" "$data" || return 1
	kafka_java
	[ -z "$(ls -A "$data" 2>/dev/null)" ] || return 0
	say "$1: makes a new log"
	rm -rf "$new" && mkdir -p "$new" && kafka_configure "$config" "$new" || return 1
	id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
	# A cluster id may not begin with a dash.
	"${JAVA[@]}" kafka.tools.StorageTool format -t "A${id:1}" -c "$config" >>"$LOG/$1.log" 2>&1 ||
		fail "$1: formatting failed; see $LOG/$1.log"
	[ ! -d "$data" ] || rmdir "$data" || return 1
	mv -T "$new" "$data"
}

kafka_command() {
	kafka_java
	COMMAND=("${JAVA[@]}" kafka.Kafka "$RUN/$1.properties")
}

kafka_ready() { true; }

kafka_started() { true; }

kafka_env() {
	echo "KAFKA_BROKERS=$(kafka_brokers)"
}

kafka_brokers() {
	echo "127.0.0.1:$(port_of kafka)"
}
