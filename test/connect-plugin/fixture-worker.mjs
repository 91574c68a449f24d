// A plugin that dies, hangs or answers, as the batch says. It runs from the built files, as the shipped plugins do.
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { servePlugin } from '../../dist/src/connect-plugin/index.js';

const starts = process.env.FIXTURE_STARTS ?? '';
if (starts === 'never' && process.env.WADO_CONNECT_PLUGIN_WORKER === '1') process.kill(process.pid, 'SIGKILL');

if (process.env.FIXTURE_OPEN_HANDLE !== undefined) setInterval(() => undefined, 1_000);

// As Connect's child that is still loading when Connect dies.
if (process.env.FIXTURE_SERVES === 'when orphaned') {
  const parent = process.ppid;
  process.stdout.write('loaded\n');
  while (process.ppid === parent) await sleep(20);
}

// The path of a file that one event creates.
const marker = process.env.FIXTURE_MARKER ?? '';

async function started() {
  if (starts !== 'hangs once') return;
  // The worker after the one whose file is there.
  const isSecond = existsSync(marker) && !existsSync(`${marker}.hung`);
  writeFileSync(isSecond ? `${marker}.hung` : marker, '');
  if (isSecond) await sleep(1_000_000);
}

async function close() {
  if (process.env.FIXTURE_CLOSE === 'throws') throw new Error('still busy');
  if (process.env.FIXTURE_CLOSE === 'writes') writeFileSync(marker, '');
}

const answer = (config) => (message) => ({
  content: Buffer.from(JSON.stringify({ text: String(message.bytes), config, pid: process.pid })),
});

async function act(text) {
  if (text === 'die') process.kill(process.pid, 'SIGKILL');
  if (text === 'exit') process.exit(1);
  if (text === 'freeze') process.kill(process.pid, 'SIGSTOP');
  if (text === 'fill') {
    const all = [];
    for (;;) all.push(new Array(1_000_000).fill(all.length));
  }
  if (text === 'long line') process.stdout.write(`${'x'.repeat(2_000_000)}\n`);
  if (text.startsWith('sleep ')) await new Promise((resolve) => setTimeout(resolve, Number(text.slice(6))));
  if (text === 'throw') throw new Error('refused');
}

const perform = async (batch) => {
  for (const message of batch) await act(String(message.bytes));
};

await servePlugin(
  process.argv[2] === 'output'
    ? { type: 'output', start: () => ({ maxInFlight: 3, send: perform }) }
    : {
        type: 'processor',
        async start(config) {
          await started();
          return {
            async processBatch(batch) {
              await perform(batch);
              return batch.map(answer(config));
            },
            close,
          };
        },
      },
);
