/**
 * Reads `output`. It has one shape: `reject_errored` around a `broker` that sends every batch to the databases and to a `switch` over
 * the three topics. In Redpanda Connect, `reject_errored` keeps records from being lost when a plugin dies.
 */
import { z } from 'zod';
import { isMapping, readComponent } from './component.ts';
import type { DatabaseConfig, PartialTopicsConfig } from './config.ts';
import { readDatabase } from './database.ts';
import type { ConfigDocument } from './document.ts';
import { list, mapping, nonEmptyText, oneOf, onlyDefault } from './fields.ts';
import { parseCheck } from './record-expressions.ts';
import { combineTopics, RECORD_TYPES, type RecordType, readTopic, type TopicOutput } from './topic.ts';
import type { Path } from './yaml-tree.ts';

const brokerSchema = mapping({
  pattern: oneOf(['fan_out']).default('fan_out'),
  outputs: list(z.unknown()),
  copies: onlyDefault(1),
  batching: onlyDefault({ count: 0, byte_size: 0, period: '', check: '', processors: [] }),
});

const switchSchema = mapping({
  cases: list(mapping({ check: nonEmptyText(), output: z.unknown(), continue: onlyDefault(false) })),
  retry_until_success: onlyDefault(false),
  strict_mode: onlyDefault(false),
});

export interface OutputConfig {
  readonly databases: readonly DatabaseConfig[];
  readonly topics: PartialTopicsConfig;
}

/** With `partial`, there may be no database, and the dead-letter topic alone. */
export function readOutput(document: ConfigDocument, { partial = false } = {}): OutputConfig | undefined {
  const outer = readComponent(document, ['output'], 'output', ['reject_errored']);
  const broker = outer && readComponent(document, outer.body, 'output', ['broker']);
  const fields = broker && document.check(brokerSchema, broker.body);
  if (broker === undefined || fields === undefined) return undefined;

  const outputs = [...broker.body, 'outputs'];
  const databases: DatabaseConfig[] = [];
  const switches: Path[] = [];
  let complete = true;
  let stores = 0;
  for (let index = 0; index < fields.outputs.length; index++) {
    const branch = readComponent(document, [...outputs, index], 'output', ['dicom_store', 'switch']);
    if (branch === undefined) complete = false;
    else if (branch.type === 'switch') switches.push(branch.body);
    else {
      stores++;
      const database = readDatabase(document, { ...branch, type: 'dicom_store' });
      if (database === undefined) complete = false;
      else databases.push(database);
    }
  }
  if (complete && stores === 0 && !partial) document.report(outputs, 'expected at least one dicom_store');
  const [first, second] = switches;
  if (second !== undefined) document.report(second, 'expected only one switch');
  if (first === undefined) {
    if (complete) document.report(outputs, 'expected a switch over the topics');
    return undefined;
  }
  const topics = readSwitch(document, first, partial);
  return topics === undefined ? undefined : { databases, topics };
}

function readSwitch(document: ConfigDocument, path: Path, partial: boolean): PartialTopicsConfig | undefined {
  const fields = document.check(switchSchema, path);
  if (fields === undefined) return undefined;
  const found = new Map<RecordType, TopicOutput | undefined>();
  fields.cases.forEach(({ check }, index) => {
    const place = [...path, 'cases', index];
    const type = readRecordType(document, [...place, 'check'], check);
    if (type !== undefined && found.has(type))
      document.report([...place, 'check'], 'there are two cases for this check');
    if (!isMapping(document.at([...place, 'output']))) document.report([...place, 'output'], 'expected an output');
    else {
      const component = readComponent(document, [...place, 'output'], 'output', ['redpanda']);
      // Checked also for an unknown record type, so that all errors are reported together.
      const topic = component && readTopic(document, component, type ?? 'state');
      if (type !== undefined) found.set(type, topic);
    }
  });
  const onlyDeadLetters = partial && !found.has('state') && !found.has('image');
  const required = RECORD_TYPES.filter((type) => type === 'dead_letter' || !onlyDeadLetters);
  const missing = required.filter((type) => !found.has(type));
  if (missing.length > 0)
    document.report([...path, 'cases'], `no case for ${missing.join(', ')} (@record_type == "…")`);
  const [state, image, deadLetter] = RECORD_TYPES.map((type) => found.get(type));
  if (deadLetter === undefined) return undefined;
  if (onlyDeadLetters) return combineTopics(document, { dead_letter: deadLetter });
  if (state === undefined || image === undefined) return undefined;
  return combineTopics(document, { state, image, dead_letter: deadLetter });
}

function readRecordType(document: ConfigDocument, path: Path, check: string): RecordType | undefined {
  const parsed = parseCheck(check);
  const type = parsed?.name === 'record_type' ? RECORD_TYPES.find((known) => known === parsed.literal) : undefined;
  if (type !== undefined) return type;
  const runs = RECORD_TYPES.map((known) => `@record_type == "${known}"`).join(', ');
  document.report(path, `this check is not supported; supported: ${runs}`);
  return undefined;
}
