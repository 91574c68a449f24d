# Apache Kafka 4.1 from Maven's jars: one KRaft node; topics that are created automatically have six partitions.
# shellcheck shell=bash
kafka_libs=$cache/kafka-4.1.0

kafka_install() {
  command -v java >/dev/null && java -version 2>&1 | grep -qE 'version "(1[7-9]|[2-9][0-9])' || packages openjdk-17-jre-headless
  [ -d "$kafka_libs" ] && return 0
  command -v mvn >/dev/null || packages maven
  say "downloading Kafka 4.1 (54 MB)"
  mkdir -p "$cache"
  local fresh
  fresh=$(mktemp -d "$cache/kafka.XXXXXX")
  retry mvn -q -B -f "$repo/scripts/services/kafka-pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    "-DoutputDirectory=$fresh" >&2 || { rm -rf "$fresh"; fail "Maven could not download Kafka"; }
  # Another clone may have downloaded the same files in the meantime.
  mv -T "$fresh" "$kafka_libs" 2>/dev/null || rm -rf "$fresh"
}

kafka_configure() {
  cat > "$data/kafka/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((kafka_port + 1))
listeners=PLAINTEXT://127.0.0.1:$kafka_port,CONTROLLER://127.0.0.1:$((kafka_port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$kafka_port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$data/kafka/logs
num.partitions=6
offsets.topic.replication.factor=1
offsets.topic.num.partitions=10
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=10
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
${WADO_KAFKA_PROPERTIES:-}
P
}

kafka_start() {
  alive kafka && return 0
  listening "$kafka_port" && fail "port $kafka_port is used by another program: set WADO_KAFKA_PORT"
  mkdir -p "$data/kafka"
  kafka_configure
  [ -f "$data/kafka/logs/meta.properties" ] || java -cp "$kafka_libs/*" kafka.tools.StorageTool format \
    -t MkU3OEVBNTcwNTJENDM2Qk -c "$data/kafka/server.properties" >"$data/kafka/format.log" 2>&1
  : >"$data/kafka/server.log"
  # shellcheck disable=SC2086  # the options are separate words
  setsid nohup java ${WADO_KAFKA_JAVA_OPTS:--Xms256m -Xmx512m -XX:+UseSerialGC} -cp "$kafka_libs/*" kafka.Kafka \
    "$data/kafka/server.properties" >"$data/kafka/server.log" 2>&1 </dev/null &
  echo $! >"$data/kafka.pid"
  wait_until 60 "the start of Kafka (see $data/kafka/server.log)" kafka_ready
}

kafka_ready() {
  alive kafka || fail "Kafka ended while starting: see $data/kafka/server.log"
  grep -q 'Kafka Server started' "$data/kafka/server.log" && listening "$kafka_port"
}
kafka_stop() { end kafka TERM; }
kafka_kill() { end kafka KILL; }
kafka_env() { echo "WADO_TEST_KAFKA_BROKERS=127.0.0.1:$kafka_port"; }

# kafka_tool CLASS ARGUMENTS...: runs a Kafka command line tool.
kafka_tool() { java -Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$kafka_libs/*" "$@"; }
