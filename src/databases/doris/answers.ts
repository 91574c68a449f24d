/**
 * Doris's answers to a load and to `get_load_state`. A BE answers with `Status` and `Message`, an FE that refuses a load itself with
 * lower-case `status` and `msg` (Apache Doris, "Stream Load", "Return result").
 */

/** What became of a load. */
export type LoadAnswer =
  /** The rows are durable; `visible` is false until all replicas have published them. */
  | { readonly kind: 'stored'; readonly visible: boolean }
  /** The label is in use; the state of its load tells more. */
  | { readonly kind: 'label_exists'; readonly finished: boolean }
  /** Rows were refused, and none of the load is stored. */
  | { readonly kind: 'filtered'; readonly rows: number; readonly errorUrl: string | undefined }
  /** Nothing is stored. The message may quote values: it is only searched for known texts. */
  | { readonly kind: 'failed'; readonly message: string };

/** The state of a label: `UNKNOWN` was never used, `ABORTED` stored nothing. */
export type LoadState = 'UNKNOWN' | 'PREPARE' | 'PRECOMMITTED' | 'COMMITTED' | 'VISIBLE' | 'ABORTED';

const LOAD_STATES: readonly LoadState[] = ['UNKNOWN', 'PREPARE', 'PRECOMMITTED', 'COMMITTED', 'VISIBLE', 'ABORTED'];

/** Reads the answer to a load; undefined if it isn't one, so that the outcome is unknown. */
export function readLoadAnswer(body: string): LoadAnswer | undefined {
  const fields = objectOf(body);
  if (fields === undefined) return undefined;
  const status = text(fields.Status) ?? text(fields.status);
  const message = text(fields.Message) ?? text(fields.msg) ?? '';
  switch (status?.toLowerCase()) {
    case undefined:
      return undefined;
    case 'success':
      return { kind: 'stored', visible: true };
    case 'publish timeout':
      return { kind: 'stored', visible: false };
    case 'label already exists':
      return { kind: 'label_exists', finished: fields.ExistingJobStatus === 'FINISHED' };
    default: {
      const rows = typeof fields.NumberFilteredRows === 'number' ? fields.NumberFilteredRows : 0;
      if (rows > 0) return { kind: 'filtered', rows, errorUrl: text(fields.ErrorURL) };
      return { kind: 'failed', message };
    }
  }
}

/** Reads the answer to `get_load_state`; undefined if it isn't one. */
export function readLoadState(body: string): LoadState | undefined {
  const data = objectOf(body)?.data;
  return LOAD_STATES.find((state) => state === data);
}

/** The `host:port` of the BEs in the answer to `/api/backends`; undefined if it isn't one. */
export function readBackends(body: string): readonly { readonly host: string; readonly port: number }[] | undefined {
  const data = objectOf(body)?.data;
  const backends = typeof data === 'object' && data !== null && 'backends' in data ? data.backends : undefined;
  if (!Array.isArray(backends)) return undefined;
  return backends.flatMap((each: unknown) => {
    if (typeof each !== 'object' || each === null || !('ip' in each) || !('http_port' in each)) return [];
    const { ip, http_port: port } = each;
    return typeof ip === 'string' && typeof port === 'number' ? [{ host: ip, port }] : [];
  });
}

function objectOf(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
