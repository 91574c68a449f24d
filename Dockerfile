# The image of wado-consumer. Works with and without BuildKit.
#
#   docker build -t wado-consumer .
#   docker run --read-only -v /data/dicom:/data/dicom:ro -e KAFKA_BROKERS=… -e POSTGRES_DSN=… -p 127.0.0.1:4195:4195 wado-consumer
#
# Both base images are arguments: pin them to a digest or use your own registry.
ARG NODE_IMAGE=node:24-bookworm-slim
# If the Kafka client's prebuilt binary can't be downloaded it is compiled. An image with compilers saves installing them:
# --build-arg BUILD_IMAGE=node:24-bookworm. Its C library must be that of NODE_IMAGE.
ARG BUILD_IMAGE=${NODE_IMAGE}

FROM ${BUILD_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY scripts ./scripts
# The slow part, which changes only with the lock file: the packages and the Kafka client.
RUN node scripts/setup.mjs
COPY tsconfig.json tsconfig.build.json ./
COPY drizzle ./drizzle
COPY topology ./topology
COPY src ./src
RUN node scripts/setup.mjs --build && node scripts/setup/prune.mjs

FROM ${NODE_IMAGE}
# tini: as process 1, Node would neither reap orphaned processes nor end on a signal without a handler. It is in the image instead of
# `docker run --init`, so that it is used in Kubernetes, too.
# The libraries are those of a compiled Kafka client; the prebuilt one contains its own.
COPY --from=build /app/node_modules/@confluentinc/kafka-javascript/build /tmp/client
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini $(ldd /tmp/client/Release/*.node /tmp/client/deps/*.so* 2>/dev/null | grep -q 'not found' \
      && echo libcurl4 libssl3 libsasl2-2 liblz4-1 libzstd1 zlib1g) \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /tmp/client \
 && install -d -o node -g node /data/dicom \
 && ln -s /app/dist/src/cli/wado-consumer.cjs /usr/local/bin/wado-consumer
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY drizzle ./drizzle
COPY redpanda.yaml /etc/wado-consumer/redpanda.yaml

# The endpoints listen on all interfaces of the container; the host decides what is published.
ENV NODE_ENV=production UV_THREADPOOL_SIZE=160 MALLOC_ARENA_MAX=2 HTTP_ADDRESS=0.0.0.0:4195
USER node
EXPOSE 4195
STOPSIGNAL SIGTERM
# /ping, not /ready: /ready is 503 while PostgreSQL is down, and a restart would not help.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HTTP_ADDRESS.split(':').pop()}/ping`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Twice Node's default young generation (megabytes; there is no environment variable): records are in flight for longer than the time
# between two collections with the default, and would be copied several times.
ENTRYPOINT ["tini", "--", "node", "--max-semi-space-size=32", "/app/dist/src/cli/wado-consumer.cjs"]
CMD ["run", "/etc/wado-consumer/redpanda.yaml"]

# Last, because they change with every commit.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="wado-consumer" \
      org.opencontainers.image.description="Storage records from Kafka to DICOM tables and topics, acknowledged by both before its offsets are committed" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"
