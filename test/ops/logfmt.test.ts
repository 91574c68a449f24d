import { describe, expect, it } from 'vitest';
import { logOutput } from '../../src/ops/log-output.ts';
import { toLogfmt } from '../../src/ops/logfmt.ts';
import { createLogger } from '../../src/ops/logger.ts';

const line = (fields: object) => toLogfmt(JSON.stringify(fields));

describe('a log line in logfmt', () => {
  it('has time, level and msg first, then the other fields by name, as Redpanda Connect prints it', () => {
    expect(
      line({
        level: 'info',
        time: '2026-11-27T16:22:22Z',
        path: 'root.input',
        '@service': 'benthos',
        label: '',
        msg: 'is active',
      }),
    ).toBe('time="2026-11-27T16:22:22Z" level=info msg="is active" @service=benthos label="" path=root.input\n');
  });

  it.each([
    ['a word of plain characters', 'a-B_9./@^+', 'a-B_9./@^+'],
    ['an empty string', '', '""'],
    ['a quote and an equals sign', 'a="b"', '"a=\\"b\\""'],
    ['a line break, which must not start a line', 'a\nlevel=fatal', '"a\\nlevel=fatal"'],
    ['a number', 12.5, '12.5'],
    ['a truth value', true, 'true'],
    ['nothing', null, 'null'],
    ['a list', ['a', 1], '"[\\"a\\",1]"'],
  ])('writes %s', (_, value, written) => {
    expect(line({ level: 'info', time: 't', msg: 'm', value })).toBe(`time=t level=info msg=m value=${written}\n`);
  });

  it('leaves out a message, time or level that the line lacks', () => {
    expect(line({ level: 'info', time: 't', code: 'EIO' })).toBe('time=t level=info code=EIO\n');
    expect(line({ msg: '' })).toBe('msg=""\n');
  });

  it("has Redpanda Connect's word for warn", () => {
    expect(line({ level: 'warn', time: 't', msg: 'm' })).toBe('time=t level=warning msg=m\n');
  });

  it('is what a logger with this format writes, and the report of dropped lines, too', () => {
    const written: string[] = [];
    const destination = { write: (text: string) => void written.push(text) };
    createLogger({ format: 'logfmt', staticFields: { '@service': 's' }, destination }).warn(
      { code: 'EIO' },
      'disk is slow',
    );
    expect(written.join('')).toMatch(/^time="\S+" level=warning msg="disk is slow" @service=s code=EIO\n$/);

    const stream = { writableLength: 9, write: (text: string) => written.push(text) > 0, on: () => stream };
    const output = logOutput(stream as never, 8, toLogfmt);
    output.write('{}');
    stream.writableLength = 0;
    output.write('{"level":"info","time":"t","msg":"m"}\n');
    expect(written.slice(1)).toEqual([
      expect.stringMatching(/^time="\S+" level=warning msg="log lines dropped" dropped=1\n$/),
      'time=t level=info msg=m\n',
    ]);
  });
});
