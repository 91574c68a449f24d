/**
 * Memory and CPU of the acknowledgements above a watermark: ten million acknowledged records above 1,000 that wait.
 *
 *   npm run bench -- held [--records 10000000] [--waiting 1000]
 *
 * Collects the garbage before it measures. CPU is that of tracking and acknowledging a record.
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { encodeMetadata } from '../src/kafka/consumer/commit-metadata.ts';
import { countOf } from '../src/kafka/consumer/done-ranges.ts';
import { WatermarkTracker } from '../src/kafka/consumer/watermark.ts';
import { markdown } from './markdown.ts';

const BATCH = 50;
const ALLOWED_MIB = 16;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { records: { type: 'string' }, waiting: { type: 'string' } },
  });
  const records = Number(values.records ?? 10_000_000);
  const waiting = Number(values.waiting ?? 1_000);
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');

  const tracker = new WatermarkTracker();
  tracker.assign([{ topic: 't', partition: 0, offset: 0, log: { topicId: 'x'.repeat(22), firstPartitions: 1 } }]);
  const waits = (offset: number) => offset % Math.floor(records / waiting) === 0;
  collect();
  const before = process.memoryUsage().heapUsed;
  const started = process.cpuUsage();
  for (let first = 0; first < records; first += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => ({ topic: 't', partition: 0, offset: first + i }));
    for (const record of batch) tracker.track(record);
    tracker.ack(batch.filter(({ offset }) => !waits(offset)));
  }
  const { user, system } = process.cpuUsage(started);
  collect();
  const mib = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  const [commit] = tracker.takeCommittable();
  const { text } = encodeMetadata({ topicId: 'x'.repeat(22), firstPartitions: 1 }, 0, commit?.done);
  console.log(
    markdown(
      [
        'acknowledged above the watermark',
        'waiting',
        `heap MiB (${ALLOWED_MIB} allowed)`,
        'CPU ns/record',
        'metadata bytes',
      ],
      [
        [
          countOf(commit?.done ?? []).toLocaleString('en'),
          String(tracker.unacked),
          mib.toFixed(2),
          String(Math.round(((user + system) * 1_000) / records)),
          String(text.length),
        ],
      ],
    ),
  );
  if (mib > ALLOWED_MIB) throw new Error(`the heap has grown by ${mib.toFixed(1)} MiB`);
}
