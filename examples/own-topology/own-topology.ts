/** The graph of the service with a processor before the fork and one more sink. */
import { keepRecords, readHeaders, type ServiceNodes, type Settings, type Sink } from 'wado-consumer';

/** Stores one tenant only, and tells `audit` about each stored batch. Records of other tenants are acknowledged and stored nowhere. */
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
