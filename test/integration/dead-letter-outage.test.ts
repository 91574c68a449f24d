import { expect, it } from 'vitest';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { repetitions, timesPublished } from '../support/times-published.ts';
import { OwnKafka } from './support/own-kafka.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const RECORDS = 4_000;
/** Nearly every batch has one. */
const POISON_EVERY = 40;

await describeWith(['kafka', 'postgres'], 'a dead-letter topic whose access is denied', ({ kafka, postgres }) => {
  const canStart = kafka.how.startsWith('native');

  for (const [mode, args] of [
    ['at least once', []],
    ['exactly once', ['--exactly-once']],
  ] as const) {
    it.skipIf(!canStart)(
      `holds up the records of dead letters only, and gets each of them once when it is allowed again (${mode})`,
      { timeout: 180 * SECONDS },
      async () => {
        await using own = await OwnKafka.start([
          'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          'allow.everyone.if.no.acl.found=true',
        ]);
        await using pipeline = await Pipeline.create({ brokers: own.brokers, dsn: postgres.dsn });
        const rule = [
          '--deny-principal',
          'User:ANONYMOUS',
          '--operation',
          'WRITE',
          '--topic',
          pipeline.topics.deadLetter,
        ];
        const first = await pipeline.publish({ count: 50, imagesPerSeries: 1, seed: 1 });
        const service = pipeline.start({ FILE_WAIT: '0s' }, args);
        await pipeline.untilAtWork(60 * SECONDS);
        await own.tool('tools.AclCommand', '--add', ...rule);
        const second = await pipeline.publish({
          count: RECORDS,
          imagesPerSeries: 1,
          seed: 2,
          poisonEvery: POISON_EVERY,
        });
        const load = [...first, ...second];
        const valid = load.filter(({ expected }) => expected !== undefined).length;
        const published = async () => (await timesPublished(pipeline, pipeline.topics.image, 'sop_uid')).size;
        await expect.poll(published, { timeout: 90 * SECONDS }).toBe(valid);
        const answer = await fetch(`${service.url()}/ready`);
        expect([answer.status, await answer.text()]).toEqual([
          503,
          expect.stringContaining('ERR_TOPIC_AUTHORIZATION_FAILED: access denied to topic'),
        ]);

        await own.tool('tools.AclCommand', '--remove', '--force', ...rule);
        await pipeline.untilCommitted(90 * SECONDS);
        expect((await service.signal('SIGTERM')).code).toBe(0);
        expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
        expect(await repetitions(pipeline)).toEqual([]);
      },
    );
  }
});
