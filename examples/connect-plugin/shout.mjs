// A processor for Redpanda Connect in ten lines: it makes the text of each record upper case and adds the field `suffix`.
import { servePlugin } from 'wado-consumer/connect-plugin';

await servePlugin({
  type: 'processor',
  start: ({ suffix }) => ({
    processBatch: async (batch) =>
      batch.map(({ bytes, metadata }) => ({ content: Buffer.from(`${bytes}`.toUpperCase() + suffix), metadata })),
  }),
});
