import { defineConfig } from 'vitest/config';

/**
 * Six suites. `unit` needs no servers. `embedded` starts librdkafka's mock broker and PGlite. `slow` needs no servers either, but its files
 * take 12 to 60 s each. `integration`, `faults` and `connect` need a real Kafka and PostgreSQL (testcontainers, or those of
 * `scripts/services.sh up`) and name what they skip.
 */
const SLOW = 'test/**/*.slow.test.ts';

export default defineConfig({
  test: {
    // The native Kafka client and worker threads need separate processes.
    pool: 'forks',
    // vitest's default leaves one CPU unused, which on two CPUs is half of the machine.
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/embedded/**', 'test/integration/**', 'test/faults/**', 'test/connect/**', SLOW],
          // Importing the same modules again for each file took almost half of the CPU time.
          isolate: false,
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        // A stack may take 60 s for its database and 60 s for the service.
        test: {
          name: 'embedded',
          include: ['test/embedded/**/*.test.ts'],
          exclude: [SLOW],
          testTimeout: 120_000,
          hookTimeout: 150_000,
        },
      },
      {
        extends: true,
        test: { name: 'slow', include: [SLOW], testTimeout: 120_000, hookTimeout: 150_000 },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: 'test/integration/support/global-setup.ts',
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'connect',
          include: ['test/connect/**/*.test.ts'],
          globalSetup: 'test/integration/support/global-setup.ts',
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          globalSetup: 'test/integration/support/global-setup.ts',
          testTimeout: 600_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
