/** The graph of the service with a processor before the fork and one more sink; and, exactly once, with one more topic. */
import {
  type ExactlyOnceServiceNodes,
  keepRecords,
  readHeaders,
  type ServiceNodes,
  type Settings,
  type Sink,
  type TransactionTopic,
} from 'wado-consumer';

/** Stores one tenant only, and writes each batch to `audit`, too. Records of other tenants are acknowledged and stored nowhere. */
export const ownTopology =
  (tenantId: string, audit: Sink) =>
  ({ source, reader, sinks, deadLetters, offsets }: ServiceNodes, settings: Settings) =>
    readHeaders(source, reader, settings)
      .through(
        'keep_tenant',
        keepRecords(({ file }) => file.tenantId === tenantId),
      )
      .forkTo({ sinks: [...sinks, audit], deadLetters }, settings)
      .commitTo(offsets);

/** A sink that counts images. It is idempotent only as a set: a batch may be written again. */
export function createAuditSink(): Sink & { readonly images: ReadonlySet<string> } {
  const images = new Set<string>();
  return {
    name: 'audit',
    images,
    connect: async () => undefined,
    write: async (batch) => {
      for (const { image } of batch.grouped) if (image !== null) images.add(image.identity);
      return [];
    },
    close: async () => undefined,
  };
}

/** The graph of `wado-consumer run --exactly-once` with one more topic in its transaction: a record for each stored file. */
export const withFileTopic =
  (topic: string) =>
  ({ source, reader, databases, topics, transactionOf }: ExactlyOnceServiceNodes, settings: Settings) => {
    const files: TransactionTopic = {
      name: 'file_topic',
      topic,
      recordOf: ({ file }) => ({ key: file.tenantId, value: JSON.stringify({ path: file.path }) }),
    };
    return readHeaders(source, reader, settings)
      .forkTo({ sinks: databases }, settings)
      .commitIn(transactionOf([...topics, files]));
  };
