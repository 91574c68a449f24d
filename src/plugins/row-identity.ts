/** Reads the primary key and the version of a state or image record from its JSON. */
import type { Version } from '../records/version.ts';

/** What the sinks need beside the JSON itself. */
export interface RowIdentity {
  /** The table's primary key, its parts joined by NUL. */
  readonly identity: string;
  readonly version: Version;
}

const STATE_KEY = ['tenant_id', 'study_uid', 'series_uid'];
const KEYS = { state: STATE_KEY, image: [...STATE_KEY, 'sop_uid'] } as const;
const VERSION = ['source_time', 'source_trace_id'];
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

/** Returns undefined if a part is missing or isn't a text of the expected form. */
export function readRowIdentity(json: Buffer, type: 'state' | 'image'): RowIdentity | undefined {
  const names = [...KEYS[type], ...VERSION];
  const values = readInOrder(json, names) ?? readAny(json, names);
  if (values === undefined) return undefined;
  const traceId = values.pop() ?? '';
  const time = values.pop() ?? '';
  return TIME.test(time) && traceId !== '' ? { identity: values.join('\0'), version: { time, traceId } } : undefined;
}

const leads = new Map<string, Buffer>();

function leadOf(name: string): Buffer {
  const known = leads.get(name);
  if (known !== undefined) return known;
  const lead = Buffer.from(`"${name}":"`);
  leads.set(name, lead);
  return lead;
}

/**
 * Fast path for compact JSON with the fields in this order, as `group_dicom_state` writes it: `"name":"` occurs in valid JSON only as a
 * name, because quotes inside a text are escaped.
 */
function readInOrder(json: Buffer, names: readonly string[]): string[] | undefined {
  const values: string[] = [];
  let at = 0;
  for (const name of names) {
    const lead = leadOf(name);
    const start = json.indexOf(lead, at);
    if (start < 0 || (json[start - 1] !== COMMA && json[start - 1] !== BRACE)) return undefined;
    const first = start + lead.length;
    const end = json.indexOf(QUOTE, first);
    if (end < 0) return undefined;
    for (let i = first; i < end; i++) if (json[i] === BACKSLASH || (json[i] as number) < SPACE) return undefined;
    values.push(json.toString('utf8', first, end));
    at = end;
  }
  return values;
}

const COMMA = 0x2c;
const BRACE = 0x7b;

function readAny(json: Buffer, names: readonly string[]): string[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json.toString());
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(parsed));
  const values = names.map((name) => fields.get(name));
  return values.every((value) => typeof value === 'string') ? values : undefined;
}
