/** Publishes a DicomStoreMeta for each DICOM file of a folder, as a receiver does when it stores a file. */
import { realpath, stat } from 'node:fs/promises';
import { posix, relative, sep } from 'node:path';
import { dicomStoreMetaSchema } from '../records/dicom-store-meta.ts';
import { type StoredHeader, storeMeta } from './stored-file-meta.ts';
import { walkFiles } from './walk.ts';

/** The header of one file, or the code of why there is none: most files of a folder may not be DICOM. */
export type HeaderOutcome =
  | { readonly ok: true; readonly header: StoredHeader }
  | { readonly ok: false; readonly error: string };

export interface PublishOptions {
  readonly folder: string;
  readonly topic: string;
  readonly tenantId: string;
  /** Maximum number of files read concurrently. */
  readonly concurrency: number;
  /** Path of `folder` as the service sees it, if different: `/data/dicom` in its container. */
  readonly folderAs?: string | undefined;
  readonly readHeader: (path: string) => Promise<HeaderOutcome>;
  /** Resolves when the broker has acknowledged every record. */
  readonly send: (
    records: readonly { readonly topic: string; readonly key: string; readonly value: string }[],
  ) => Promise<void>;
  readonly onProgress?: (progress: PublishProgress) => void;
}

export interface PublishProgress {
  /** Files read so far. */
  readonly files: number;
  /** Records that the broker acknowledged. */
  readonly published: number;
  /** Skipped files by code. `not_dicom` does not count as a failure, since a folder may contain anything. */
  readonly skipped: ReadonlyMap<string, number>;
}

/** Records per `send`. At most two chunks are in memory: one is read while the other is sent. */
const CHUNK = 200;

/**
 * Publishes every DICOM file below the folder. Rejects when the folder can't be listed or `send` fails; records sent
 * before stay published.
 */
export async function publishFolder(given: PublishOptions): Promise<PublishProgress> {
  const options = { ...given, folder: await realpath(given.folder) };
  const skipped = new Map<string, number>();
  const progress = { files: 0, published: 0, skipped };
  const skip = (reason: string) => skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
  let sending: Promise<void> = Promise.resolve();

  async function publish(paths: readonly string[]): Promise<void> {
    const records = await mapConcurrently(paths, options.concurrency, async (path) => {
      const outcome = await recordOf(path, options);
      progress.files++;
      if (outcome.ok) return outcome.record;
      skip(outcome.error);
      options.onProgress?.(progress);
      return undefined;
    });
    const ready = records.filter((record) => record !== undefined);
    await sending;
    sending = options.send(ready).then(() => {
      progress.published += ready.length;
      options.onProgress?.(progress);
    });
    // Awaited when the next chunk is ready; until then the rejection must not count as unhandled.
    sending.catch(() => undefined);
  }

  let chunk: string[] = [];
  for await (const path of walkFiles(options.folder, () => skip('folder_unreadable'))) {
    chunk.push(path);
    if (chunk.length < CHUNK) continue;
    await publish(chunk);
    chunk = [];
  }
  await publish(chunk);
  await sending;
  return progress;
}

type RecordOutcome =
  | { readonly ok: true; readonly record: { topic: string; key: string; value: string } }
  | { readonly ok: false; readonly error: string };

async function recordOf(path: string, options: PublishOptions): Promise<RecordOutcome> {
  const outcome = await options.readHeader(path);
  if (!outcome.ok) return outcome;
  const size = await stat(path).then(
    (found) => found.size,
    () => undefined,
  );
  if (size === undefined) return { ok: false, error: 'file_missing' };
  const meta = storeMeta(outcome.header, { tenantId: options.tenantId, path: pathForService(path, options), size });
  // The service would dead-letter an invalid record. Reporting it here names the file's fault to the person who has the
  // file.
  const checked = dicomStoreMetaSchema.safeParse(meta);
  if (!checked.success) return { ok: false, error: `unpublishable:${String(checked.error.issues[0]?.path[0])}` };
  return { ok: true, record: { topic: options.topic, key: meta.trace_id, value: JSON.stringify(meta) } };
}

function pathForService(path: string, { folder, folderAs }: PublishOptions): string {
  return folderAs === undefined ? path : posix.join(folderAs, ...relative(folder, path).split(sep));
}

/** `map` with at most `limit` calls at once; results in the order of the items. */
async function mapConcurrently<T, R>(items: readonly T[], limit: number, map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  async function work(): Promise<void> {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item !== undefined) results[index] = await map(item);
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  return results;
}
