import { mergeMap, type OperatorFunction } from 'rxjs';
import type { HeaderReader } from '../../topology/nodes.ts';
import { objectRow, versionOf } from '../records/object-row.ts';
import type {
  GroupedBatch,
  GroupedRecord,
  ParsedRecord,
  PoisonRecord,
  PublishedRow,
  StoredFile,
} from '../records/records.ts';

/**
 * Reads the header of every file of a batch and groups what they say: one state per series, one image per instance (contract, "Between"
 * and "Group"). A file that can't be read becomes a poison record. At most `concurrency` batches are read at once.
 */
export function groupDicomState(
  reader: HeaderReader,
  concurrency: number,
): OperatorFunction<readonly ParsedRecord[], GroupedBatch> {
  return mergeMap((batch) => groupBatch(reader, batch), concurrency);
}

export async function groupBatch(reader: HeaderReader, batch: readonly ParsedRecord[]): Promise<GroupedBatch> {
  const startedAt = performance.now();
  const files = batch.filter((record) => record.kind === 'file');
  const poison: PoisonRecord[] = batch.filter((record) => record.kind === 'poison');
  const versions = files.map((file) => versionOf(file.meta));
  const headers = await reader.read(
    files.map(({ meta }, i) => ({
      tenantId: meta.tenant_id,
      path: meta.file_path,
      size: meta.file_size,
      version: versionAt(versions, i),
    })),
  );

  const failed = new Set<number>();
  for (const { index, error } of headers.failures) {
    failed.add(index);
    const file = files[index];
    if (file !== undefined) poison.push({ kind: 'poison', source: file.source, error });
  }
  const states = new Map<number, PublishedRow>();
  const images = new Map<number, PublishedRow>();
  for (const { index, ...row } of headers.states) states.set(index, { ...row, version: versionAt(versions, index) });
  for (const { index, ...row } of headers.images) images.set(index, { ...row, version: versionAt(versions, index) });

  const grouped: GroupedRecord[] = [];
  files.forEach((file: StoredFile, i) => {
    if (failed.has(i)) return;
    grouped.push({
      file,
      object: objectRow(file.meta, versionAt(versions, i)),
      state: states.get(i) ?? null,
      image: images.get(i) ?? null,
    });
  });
  return { sources: batch.map((record) => record.source), grouped, poison, startedAt };
}

function versionAt<T>(versions: readonly T[], index: number): T {
  const version = versions[index];
  if (version === undefined) throw new RangeError(`the header reader answered for file ${index} of ${versions.length}`);
  return version;
}
