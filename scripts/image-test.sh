#!/usr/bin/env bash
# Builds the image and runs it, read-only and as its own user, in the compose stack with Kafka and PostgreSQL. Publishes sample studies,
# kills the service half way, starts it again, and counts tables and topics from outside. Prints one line per check and a summary.
#
#   scripts/image-test.sh
#
# Needs a Docker engine with the compose plugin. Images: NODE_IMAGE, BUILD_IMAGE, KAFKA_IMAGE, POSTGRES_IMAGE (see compose.test.yaml).
set -euo pipefail
repo=$(cd "$(dirname "$0")/.." && pwd)
cd "$repo"

export DOCKER_BUILDKIT=0
export NODE_IMAGE=${NODE_IMAGE:-node:24-bookworm-slim} BUILD_IMAGE=${BUILD_IMAGE:-node:24-bookworm}
studies=${SAMPLE_STUDIES:-300}
limit_mb=300
project=wado-image-test-$$
read -r KAFKA_PORT POSTGRES_PORT _ HTTP_PORT _ < <(node scripts/ci/free-ports.mjs)
export KAFKA_PORT POSTGRES_PORT HTTP_PORT

passed=0 failed=0
say() { echo "image: $*"; }
check() {
  local what=$1 got=$2 wanted=$3
  if [ "$got" = "$wanted" ]; then
    passed=$((passed + 1))
    say "ok      $what: $got"
  else
    failed=$((failed + 1))
    say "NOT OK  $what: $got, not $wanted"
  fi
}
compose() { docker compose -p "$project" -f compose.yaml -f compose.test.yaml "$@"; }
sql() { compose exec -T postgres psql -qAt -h 127.0.0.1 -U postgres -d dicom -c "$1" 2>/dev/null || echo none; }
kafka() { compose exec -T redpanda java -Xmx128m -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp '/opt/kafka/*' "$@"; }
keys() { kafka org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server localhost:29092 --topic "$1" --from-beginning \
  --timeout-ms 15000 --property print.key=true --property print.value=false 2>/dev/null || true; }
# One line per partition: committed offset and end offset.
offsets() { kafka org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server localhost:29092 --describe --group dicom-consumer-group \
  2>/dev/null | awk '$2 == "storage_queue" {print $4, $5}'; }
inspect() { docker inspect -f "$1" "$container"; }
wait_for() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || { say "timeout while waiting for $what"; return 1; }
    sleep 0.3
  done
}
clean_up() {
  local code=$?
  if [ "$code" != 0 ] || [ "$failed" != 0 ]; then compose logs --tail 40 service topics sample 2>&1 | cut -c1-400 || true; fi
  compose down -v --remove-orphans --timeout 2 >/dev/null 2>&1 || true
}
trap clean_up EXIT

began=$SECONDS
say "building (compiles the Kafka client where its prebuilt binary can't be downloaded: 3 minutes)"
docker build -q -t wado-consumer --build-arg NODE_IMAGE="$NODE_IMAGE" --build-arg BUILD_IMAGE="$BUILD_IMAGE" \
  --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" . >/tmp/$project-build.log 2>&1 || { tail -40 /tmp/$project-build.log; exit 1; }
rm -f /tmp/$project-build.log
image_bytes=$(docker image inspect -f '{{.Size}}' wado-consumer)
base_bytes=$(docker image inspect -f '{{.Size}}' "$NODE_IMAGE")
over_mb=$(((image_bytes - base_bytes) / 1000000))
say "built in $((SECONDS - began)) s, $over_mb MB over $NODE_IMAGE"
check "at most $limit_mb MB over the base" "$([ $over_mb -le $limit_mb ] && echo yes)" yes
check 'the command answers' "$(docker run --rm --network none --read-only wado-consumer --version)" "$(node -p 'require("./package.json").version')"

say "starting the stack"
compose up -d --no-build --wait --wait-timeout 120 service >/dev/null 2>&1 || { compose ps -a; exit 1; }
container=$(compose ps -q service)
check 'runs as' "$(docker exec "$container" id -un)" node
check 'what starts its Node' "$(docker exec "$container" sh -c 'tr "\\0" " " </proc/1/cmdline' | grep -o 'node --max-semi-space-size=[0-9]*')" 'node --max-semi-space-size=32'
check 'its root is read-only' "$(inspect '{{.HostConfig.ReadonlyRootfs}}')" true
check 'HEALTHCHECK says' "$(inspect '{{.State.Health.Status}}')" healthy
check '/ready from outside' "$(node scripts/ci/answers.mjs "http://127.0.0.1:$HTTP_PORT/ready" 30 && echo 200)" 200

# The service is suspended while records arrive and then has little CPU, so that it is killed in the middle of its work.
compose stop service >/dev/null 2>&1
check 'exit code of a stop' "$(inspect '{{.State.ExitCode}}')" 0
sample=$(SAMPLE_STUDIES=$studies compose run --rm --no-deps -T sample 2>&1) || { echo "$sample"; exit 1; }
echo "$sample" | tail -n 4 | sed 's/^/image:   /'
read -r series files < <(echo "$sample" | sed -nE 's/^wrote [0-9]+ studies, ([0-9]+) series, ([0-9]+) files$/\1 \2/p')
check 'records in storage_queue' "$(keys storage_queue | wc -l)" "$files"

docker update --cpus 0.4 "$container" >/dev/null
docker start "$container" >/dev/null
some() { local rows; rows=$(sql 'select count(*) from dicom_object_meta'); [ "$rows" != none ] && [ "$rows" -gt 0 ]; }
wait_for 90 'the first rows' some
docker kill -s KILL "$container" >/dev/null
at=$(sql 'select count(*) from dicom_object_meta')
say "killed (kill -9) with $at of $files rows written"
check 'killed in the middle' "$([ "$at" -gt 0 ] && [ "$at" -lt "$files" ] && echo yes)" yes
docker update --cpus 2 "$container" >/dev/null
docker start "$container" >/dev/null
done_() { [ "$(offsets | awk '$1 == $2 {n++} END {print n + 0}')" = 6 ]; }
check 'partitions committed to their end' "$(wait_for 90 'the end of the lag' done_ && echo 6)" 6

check 'rows of dicom_object_meta' "$(sql 'select count(*) from dicom_object_meta')" "$files"
check 'rows of dicom_state_meta' "$(sql 'select count(*) from dicom_state_meta')" "$series"
check 'rows of dicom_image_meta' "$(sql 'select count(*) from dicom_image_meta')" "$files"
check 'keys in dicom_state_queue' "$(keys dicom_state_queue | sort -u | wc -l)" "$series"
check 'keys in dicom_image_queue' "$(keys dicom_image_queue | sort -u | wc -l)" "$files"
check 'records in storage_queue.dlq' "$(keys storage_queue.dlq | wc -l)" 0
check 'lines of the log that name a sample patient' "$(docker logs "$container" 2>&1 | grep -c 'DEMO' || true)" 0

wait_for 60 'a health check' eval '[ "$(inspect "{{.State.Health.Status}}")" = healthy ]'
check 'HEALTHCHECK after the restart says' "$(inspect '{{.State.Health.Status}}')" healthy
stopping=$SECONDS
docker stop -t 12 "$container" >/dev/null
check 'exit code of the last stop' "$(inspect '{{.State.ExitCode}}')" 0
check 'stopped within 10 s' "$([ $((SECONDS - stopping)) -le 10 ] && echo yes)" yes

say "$(docker --version), Kafka instead of Redpanda; $((SECONDS - began)) s in total"
echo "image-test: $passed passed, $failed failed"
[ "$failed" = 0 ]
