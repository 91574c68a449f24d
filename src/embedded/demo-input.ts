/** The demo's input: generates studies, writes them to the store and publishes their records, at the service's pace. */

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from '../kafka/producer/producer.ts';
import { type GeneratedStudy, generateStudies } from '../samples/studies.ts';
import { DEMO_TOPICS } from './demo-config.ts';

/** What was published so far, and what the sinks must therefore contain at the end. */
export interface Published {
  readonly records: number;
  /** Records that become a row; a repeated record is counted once. */
  readonly stored: number;
  readonly poison: number;
  readonly studies: number;
  readonly series: number;
  readonly images: number;
}

export interface DemoInputOptions {
  readonly seed: number;
  /** Absolute path of the DICOM store. */
  readonly store: string;
  readonly origin: string;
  readonly producer: Producer;
  /** Records that are acknowledged. */
  readonly done: () => number;
}

export interface DemoInput {
  readonly published: Published;
  /** Publishes the next studies, at the service's pace. Stops early when the signal is aborted. */
  publish(studies: number, signal: AbortSignal): Promise<void>;
}

// The embedded broker keeps 5 MB per partition and silently drops older records: 2,000 records are 1.5 MB in total.
const MAX_LAG = 2_000;
const LAG_POLL_MS = 20;
const AT_ONCE = 8;

const DEMO_TENANT = 'demo';

export function createDemoInput({ seed, store, origin, producer, done }: DemoInputOptions): DemoInput {
  const studies = generateStudies({ seed, store, tenantId: DEMO_TENANT, origin });
  const published = { records: 0, stored: 0, poison: 0, studies: 0, series: 0, images: 0 };

  async function publishStudy(study: GeneratedStudy): Promise<void> {
    const files = study.records.flatMap(({ file }) => file ?? []);
    await Promise.all(
      [...new Set(files.map(({ path }) => dirname(path)))].map((path) => mkdir(path, { recursive: true })),
    );
    await Promise.all(files.map(({ path, bytes }) => writeFile(path, bytes)));
    await producer.send(study.records.map(({ key, value }) => ({ topic: DEMO_TOPICS.input, key, value })));
    const stored = study.records.filter(({ expected }) => expected === 'stored').length;
    const repeated = study.records.filter(({ expected }) => expected === 'repeated').length;
    published.records += study.records.length;
    published.stored += stored;
    published.poison += study.records.length - stored - repeated;
    published.studies += 1;
    published.series += study.series;
    published.images += study.instances;
  }

  return {
    published,
    publish: async (count, signal) => {
      for (let left = count; left > 0 && !signal.aborted; left -= AT_ONCE) {
        while (published.records - done() > MAX_LAG && !signal.aborted) await sleep(LAG_POLL_MS);
        if (signal.aborted) return;
        const next = Array.from({ length: Math.min(left, AT_ONCE) }, () => studies.next().value);
        await Promise.all(next.map(publishStudy));
      }
    },
  };
}
