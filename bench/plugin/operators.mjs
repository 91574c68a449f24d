// What the operators cost without a plugin, for bench/plugin.ts: operators.mjs ROOT REQUESTS IN_FLIGHT. Parses and groups the records of the
// encoded requests once for each message of its parent, as the Node engine does with what it consumes.
import { readFileSync } from 'node:fs';
import { Subject } from 'rxjs';
import { readBatch } from '../../dist/src/connect-plugin/message.js';
import { Reader } from '../../dist/src/connect-plugin/value.js';
import { createHeaderPool } from '../../dist/src/dicom/files/pool.js';
import { groupDicomState } from '../../dist/src/operators/group-dicom-state.js';
import { parseRecord } from '../../dist/src/operators/parse-records.js';
import { consumedRecord, neverRevoked } from '../../dist/src/testing/consumed-record.js';

const [root, requests, inFlight] = process.argv.slice(2);
const batches = JSON.parse(readFileSync(requests, 'utf8')).map((request) => {
  const reader = Reader.create(Buffer.from(request, 'base64'));
  reader.uint32();
  return readBatch(reader, reader.uint32()).map(({ bytes }) => Buffer.from(bytes));
});
const reader = createHeaderPool({ storageRoots: [root], workers: 2, readTimeoutMs: 10_000 });
const batches$ = new Subject();
let next = 0;
let done = 0;

function consume() {
  const values = batches[next++];
  if (values !== undefined) batches$.next(values.map((value) => parseRecord(consumedRecord(value))));
}

batches$.pipe(groupDicomState(reader, { concurrency: 40, fileWaitMs: 60_000, records: neverRevoked })).subscribe(() => {
  done++;
  consume();
  if (done === batches.length) process.send('done');
});
process.on('message', () => {
  next = 0;
  done = 0;
  for (let n = 0; n < Number(inFlight); n++) consume();
});
process.send('ready');
