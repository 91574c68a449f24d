import { describe, expect, it } from 'vitest';
import { createTransactions, type TransactionSource } from '../../src/kafka/producer/transactions.ts';
import type { Processed } from '../../src/records/records.ts';

/** Neither the brokers nor the source are reached. */
const nobody = () => {
  throw new Error('nothing is to be called');
};
const source: TransactionSource = {
  get consumer() {
    return nobody();
  },
  get transactionOffsets() {
    return nobody();
  },
  ack: nobody,
};

describe('a transaction whose outputs can’t be made', () => {
  it('fails with the error of the function, which no retry repairs, before it connects', async () => {
    const bug = new TypeError('a bug');
    const transactions = createTransactions<Processed<number>>({
      name: 'transaction',
      config: { 'bootstrap.servers': '127.0.0.1:1' },
      transactionalId: 'test',
      outputsOf: () => {
        throw bug;
      },
      outputs: [],
      deadLetters: { name: 'dead_letter_topic', topic: 'dead' },
      source,
    });
    await expect(transactions.commit([{ origins: [], grouped: [], poison: [], closedAt: 0 }])).rejects.toBe(bug);
    await transactions.close();
  });
});
