import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { childrenOf, host } from './host.ts';
import { fixture, isAlive, node, supervise, until, WORKER } from './supervise.ts';

describe('a plugin whose process dies', () => {
  it.each(['SIGKILL', 'SIGTERM', 'SIGABRT'] as const)(
    'of %s while it works answers with the help of a new one, which has the configuration',
    async (signal) => {
      await using plugin = fixture();
      await plugin.init({ name: { string_value: 'kept' } });
      const [first] = plugin.workers();
      const answer = plugin.process('sleep 1000');
      await sleep(300);
      // SIGTERM reaches the whole process group at a shutdown: the worker ignores it.
      process.kill(first ?? 0, signal);
      const { pid, config } = (await answer) as { pid: number; config: object };
      expect(config).toEqual({ name: 'kept' });
      expect(pid === first).toBe(signal === 'SIGTERM');
    },
  );

  it('answers with an error when every process dies of a batch, and processes the next one', async () => {
    await using plugin = fixture();
    await plugin.init();
    expect(await plugin.process('die')).toMatchObject({
      error: { message: '3 processes of the plugin ended during this call', detail: 'backoff' },
    });
    expect(await plugin.process('alive')).toMatchObject({ text: 'alive' });
    const lines = plugin
      .output()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatchObject({ level: 'warn', signal: 'SIGKILL', calls: 1, delay_ms: 0 });
  });

  it('survives its running out of memory', async () => {
    await using plugin = fixture({ NODE_OPTIONS: '--max-old-space-size=40' });
    await plugin.init();
    expect(await plugin.process('fill')).toMatchObject({ error: { detail: 'backoff' } });
    expect(await plugin.process('alive')).toMatchObject({ text: 'alive' });
  });

  it('kills one that is suspended, and repeats its batches', async () => {
    await using plugin = supervise('processor', { silenceMs: 3_000, holdMs: 60_000 });
    await plugin.call('Init');
    const answer = plugin.call('ProcessBatch', 'sleep 1000');
    process.kill(plugin.worker(), 'SIGSTOP');
    expect(await answer).toHaveProperty('batches');
    expect(plugin.losses[0]).toEqual({ calls: 1, delayMs: 0 });
  });

  it('answers with errors while none starts: of a batch, and for an output as not connected', async () => {
    await using processor = supervise('processor', { holdMs: 300 }, { FIXTURE_STARTS: 'never' });
    expect(await processor.call('ProcessBatch', 'x')).toEqual({
      error: {
        message: 'the plugin is being restarted',
        detail: 'backoff',
        backoff: { seconds: '1', nanos: 0 },
      },
    });
    await using output = supervise('output', { holdMs: 300 }, { FIXTURE_STARTS: 'never' });
    expect(await output.call('Send', 'x')).toMatchObject({ error: { detail: 'not_connected' } });
    await expect(output.call('Connect')).rejects.toThrow('the plugin is being restarted');
    await expect(output.call('Init')).rejects.toThrow('the plugin is being restarted');
    // The pauses between the starts grow.
    await until(() => processor.losses.length >= 4);
    expect(processor.losses.slice(0, 4).map(({ delayMs }) => delayMs)).toEqual([0, 100, 200, 400]);
  });

  it('passes on what a plugin answers, errors included', async () => {
    await using output = supervise('output');
    expect(await output.call('Send', 'x')).toMatchObject({ error: { detail: 'not_connected' } });
    expect(await output.call('Init')).toEqual({ max_in_flight: 3 });
    expect(await output.call('Send', 'x')).toEqual({});
    expect(await output.call('Send', 'throw')).toEqual({ error: { message: 'refused' } });
    expect(output.losses).toEqual([]);
  });
});

describe('the end of a plugin', () => {
  it('follows SIGTERM only after Close: before, Connect still drains its pipeline', async () => {
    await using plugin = fixture();
    await plugin.init();
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) plugin.signal(signal);
    await sleep(300);
    expect(await plugin.process('still there')).toMatchObject({ text: 'still there' });
    const workers = plugin.workers();
    expect(await plugin.call('Close')).toEqual({});
    expect(await plugin.exited).toEqual({ code: 0, signal: null });
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('follows SIGTERM at once when Connect has never initialised it', async () => {
    await using plugin = fixture();
    await until(() => plugin.workers().length > 0);
    await sleep(500);
    plugin.signal('SIGTERM');
    expect(await plugin.exited).toEqual({ code: 0, signal: null });
  });

  it('follows the death of Connect, and the worker follows the death of its supervisor', async () => {
    // A shell is the parent that dies.
    const script = `${node} ${WORKER} & echo $!; sleep 60`;
    await using shell = host('processor', ['/bin/sh', '-c', script]);
    await shell.init();
    const [supervisor = 0] = shell
      .workers()
      .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(WORKER));
    const [worker = 0] = childrenOf(supervisor);
    shell.signal('SIGKILL');
    await until(() => !isAlive(supervisor) && !isAlive(worker));

    await using plugin = fixture();
    await plugin.init();
    const [orphan = 0] = plugin.workers();
    plugin.signal('SIGKILL');
    await until(() => !isAlive(orphan));
  });

  it('is refused with an error when Redpanda Connect did not start it', async () => {
    await using plugin = host('processor', [
      node,
      '-e',
      `process.env.REDPANDA_CONNECT_PLUGIN_VERSION = '2'; import('${WORKER}')`,
    ]);
    expect((await plugin.exited).code).toBe(1);
    expect(plugin.output()).toContain('REDPANDA_CONNECT_PLUGIN_VERSION is not supported');
  });
});

describe('the output of a plugin', () => {
  it('reaches Connect in lines that it can read', async () => {
    await using plugin = fixture();
    await plugin.init();
    await plugin.process('long line');
    await until(() => plugin.output().includes('[cut]'));
    expect(
      Math.max(
        ...plugin
          .output()
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThan(10_000);
  });
});

describe('the example of a plugin', () => {
  it('works as its manifest starts it', async () => {
    const folder = join(import.meta.dirname, '../../examples/connect-plugin');
    const { command } = parse(readFileSync(join(folder, 'shout.yaml'), 'utf8'));
    await using plugin = host('processor', command, { cwd: folder });
    await plugin.init({ suffix: { string_value: '?' } });
    const response = await plugin.call('ProcessBatch', { batch: { messages: [{ bytes: Buffer.from('hello') }] } });
    expect(response).toMatchObject({ batches: [{ messages: [{ bytes: Buffer.from('HELLO?') }] }] });
  });

  it('has ten lines', () => {
    const text = readFileSync(join(import.meta.dirname, '../../examples/connect-plugin/shout.mjs'), 'utf8');
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('//')).length).toBeLessThanOrEqual(10);
  });
});
