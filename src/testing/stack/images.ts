/** The images, if a stack names no other. */
export const DEFAULT_IMAGES = {
  kafka: 'apache/kafka:4.1.0',
  redpanda: 'redpandadata/redpanda:v25.2.7',
  postgres: 'postgres:17.6-alpine3.22',
  mysql: 'mysql:9.5.0',
} as const;

/** What a container runs. */
export type ContainerName = keyof typeof DEFAULT_IMAGES;
