import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { runCommand } from '../support/command.ts';
import { describeWith } from './support/services.ts';

const run = promisify(execFile);
const script = (name: string) => fileURLToPath(new URL(`../../scripts/${name}`, import.meta.url));

await describeWith(['kafka'], 'a broker that is still loading its groups', ({ kafka }) => {
  // The test deletes the topic of all groups: it needs a broker of its own, started by our script.
  it.skipIf(!kafka.how.startsWith('native'))(
    'is queried for offsets until they are loaded',
    {
      timeout: 180_000,
    },
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'wado-'));
      const [port = ''] = (await run(process.execPath, [script('ci/free-ports.mjs')])).stdout.split(' ');
      const env = {
        ...process.env,
        WADO_SERVICES_DIR: join(folder, 'services'),
        WADO_SERVICES_ENV_FILE: join(folder, 'env'),
        WADO_KAFKA_PORT: port,
      };
      const brokers = `127.0.0.1:${port}`;
      await run(script('services.sh'), ['up', 'kafka'], { env });
      const admin = createAdmin({ 'bootstrap.servers': brokers });
      try {
        const topic = freshName('input');
        await admin.createTopics([topic], 6);
        for (let attempt = 0; attempt < 5; attempt++) {
          await admin.deleteTopics(['__consumer_offsets']);
          const variables = { KAFKA_BROKERS: brokers, STORAGE_TOPIC: topic, CONSUMER_GROUP: `group-${attempt}` };
          const { code, stdout, stderr } = await runCommand(['offsets', 'show', '--json'], variables);
          expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
          expect(stdout.split('\n').filter((line) => line.includes('"committed":null'))).toHaveLength(6);
        }
      } finally {
        admin.close();
        await run(script('services.sh'), ['down'], { env });
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
});
