import { expect, it } from 'vitest';
import { ParseError } from '../../src/errors.ts';
import { createTransactions } from '../../src/kafka/producer/transactions.ts';
import type { PoisonRecord, StoredBatch } from '../../src/records/records.ts';
import { RefusedDeadLetters } from '../../src/records/refusals.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { until } from '../../src/testing/until.ts';
import { TestTopics } from './support/kafka-topics.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
/** More than one topic accepts, and enough that the client sends it before `linger.ms`. */
const LARGE = 1_048_000;

await describeWith(['kafka'], 'a transaction', ({ kafka }) => {
  const topics = new TestTopics(kafka.brokers);

  it('names the dead letter that is refused, though the client drops the other records', {
    timeout: 60 * SECONDS,
  }, async () => {
    const [input, output, letters] = ['input', 'output', 'letters'].map((name) => freshName(`transaction-${name}`));
    if (input === undefined || output === undefined || letters === undefined) throw new Error('no topics');
    for (const topic of [input, output]) await topics.create(topic);
    await topics.create(letters);
    await topics.fill(input, 100);
    await using member = topics.member(input, { commits: 'transaction', acknowledges: () => false });
    await until('all records are consumed', () => member.seen.length === 100, 30 * SECONDS);
    const sources = member.origins.map((origin) => ({ origin, key: null, value: null, headers: [] }));
    const [first, ...rest] = sources;
    if (first === undefined) throw new Error('no record');
    const refused: PoisonRecord = { kind: 'poison', source: first, error: new ParseError('not_json', 'no JSON') };
    const transactions = createTransactions({
      name: 'test',
      // The other records are still in the client's queue when the large one is refused.
      config: { 'bootstrap.servers': kafka.brokers, 'linger.ms': 1_000, 'message.max.bytes': 8 * 1_048_576 },
      transactionalId: input,
      deadLetters: { name: 'dead_letter_topic', topic: letters },
      outputs: [],
      source: member.source,
      outputsOf: () => [
        { record: { topic: letters, key: 'k', value: Buffer.alloc(LARGE * 2) }, source: first, poison: refused },
        ...rest.map((source) => ({ record: { topic: output, key: 'k', value: 'v' }, source })),
      ],
    });
    const batch: StoredBatch = { origins: member.origins, grouped: [], poison: [refused], closedAt: 0 };
    const failure = await transactions.commit([batch]).catch((error: unknown) => error);
    await transactions.close();
    expect(failure).toBeInstanceOf(RefusedDeadLetters);
    expect((failure as RefusedDeadLetters).poison).toEqual([refused]);
  });
});
