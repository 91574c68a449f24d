/** The rows of a batch, one a key: the greatest version wins (contract, "Group: which record wins"). */
import { hash } from 'node:crypto';
import { concatUtf8 } from '../files/concat-utf8.ts';
import type { BatchRequest, RowLists } from '../files/messages.ts';
import type { DicomHeader } from './header.ts';
import { imageMetaJson } from './image-meta.ts';
import { stateMetaJson } from './state-meta.ts';

interface Winner {
  readonly index: number;
  readonly identity: string;
  readonly key: string;
  readonly json: string;
}

export class LatestPerKey {
  readonly #request: BatchRequest;
  readonly #timestamps: string;
  readonly #states = new Map<string, Winner>();
  readonly #images = new Map<string, Winner>();

  /** `timestamps` as of `timestampsJson`: one time for the whole batch. */
  constructor(request: BatchRequest, timestamps: string) {
    this.#request = request;
    this.#timestamps = timestamps;
  }

  /** Takes the rows of the file at `index` where they beat what is there. Throws a DicomReadError if the header lacks what it must have. */
  offer(index: number, header: DicomHeader): void {
    const identity = header.identity();
    const { patientId, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = identity;
    const tenantId = this.#request.tenantIds[index] ?? '';
    const series = `${tenantId}\0${studyInstanceUid}\0${seriesInstanceUid}`;
    const seriesKey = `${tenantId}_${patientId}_${studyInstanceUid}_${seriesInstanceUid}`;
    if (this.#beats(index, this.#states.get(series))) {
      const json = stateMetaJson(header, identity, tenantId, this.#timestamps);
      this.#states.set(series, { index, identity: series, key: hash('md5', seriesKey), json });
    }
    const image = `${series}\0${sopInstanceUid}`;
    if (this.#beats(index, this.#images.get(image))) {
      const size = this.#request.sizes[index] ?? 0;
      const json = imageMetaJson(header, identity, tenantId, size, this.#timestamps);
      this.#images.set(image, { index, identity: image, key: hash('md5', `${seriesKey}_${sopInstanceUid}`), json });
    }
  }

  rows(): { readonly states: RowLists; readonly images: RowLists; readonly jsons: ArrayBuffer } {
    const states = [...this.#states.values()];
    const images = [...this.#images.values()];
    const { memory, lengths } = concatUtf8([...states, ...images].map(({ json }) => json));
    return {
      states: rowLists(states, lengths.slice(0, states.length)),
      images: rowLists(images, lengths.slice(states.length)),
      jsons: memory,
    };
  }

  #beats(index: number, winner: Winner | undefined): boolean {
    return winner === undefined || compareVersions(this.#request, index, winner.index) > 0;
  }
}

/** Below zero where the file at `a` is older than the file at `b`. */
export function compareVersions({ times, traceIds }: BatchRequest, a: number, b: number): number {
  return compareText(times[a] ?? '', times[b] ?? '') || compareText(traceIds[a] ?? '', traceIds[b] ?? '');
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function rowLists(winners: readonly Winner[], lengths: readonly number[]): RowLists {
  return {
    indexes: winners.map(({ index }) => index),
    identities: winners.map(({ identity }) => identity),
    keys: winners.map(({ key }) => key),
    lengths,
  };
}

/** `created_time` and `updated_time` as the last fields of a record: local time without a zone. */
export function timestampsJson(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${String(now.getFullYear()).padStart(4, '0')}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  const timestamp = `${date}T${time}.${String(now.getMilliseconds()).padStart(3, '0')}000`;
  return `,"created_time":"${timestamp}","updated_time":"${timestamp}"`;
}
