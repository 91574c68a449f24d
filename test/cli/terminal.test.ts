import { describe, expect, it } from 'vitest';
import { bar, liveBlock } from '../../src/cli/terminal/live-block.ts';
import { table } from '../../src/cli/terminal/table.ts';

function screen(isTTY: boolean, columns = 40) {
  const written: string[] = [];
  return { isTTY, columns, written, write: (text: string) => written.push(text) };
}

describe('a live block', () => {
  it('replaces its own lines on a terminal', () => {
    const terminal = screen(true);
    const block = liveBlock(terminal);
    block.end(['one', 'two'], 'plain');
    block.end(['three'], 'plain');
    expect(terminal.written).toEqual(['one\x1b[K\ntwo\x1b[K\n\x1b[J', '\x1b[2A\rthree\x1b[K\n\x1b[J']);
  });

  it('never wraps, since a wrapped line would take two rows', () => {
    const terminal = screen(true, 10);
    liveBlock(terminal).end(['x'.repeat(50)], '');
    expect(terminal.written[0]).toBe(`${'x'.repeat(8)}…\x1b[K\n\x1b[J`);
  });

  it('writes plain lines elsewhere, at most one per second and none twice', () => {
    const pipe = screen(false);
    const block = liveBlock(pipe);
    block.show(['drawn'], 'first');
    block.show(['drawn'], 'too soon');
    block.end(['drawn'], 'last');
    block.end(['drawn'], 'last');
    expect(pipe.written).toEqual(['first\n', 'last\n']);
  });
});

describe('a bar', () => {
  it('shows the share, and is empty without a total', () => {
    expect(bar(1, 4, 8)).toBe('██░░░░░░  25 %');
    expect(bar(9, 4, 4)).toBe('████ 100 %');
    expect(bar(1, undefined)).toBe('');
    expect(bar(0, 0)).toBe('');
  });
});

describe('a table', () => {
  it('aligns text to the left and numbers to the right', () => {
    expect(
      table(
        ['modality', 'series'],
        [
          ['CT', 1200],
          ['MR', 7],
        ],
      ).split('\n'),
    ).toEqual(['modality  series', '────────  ──────', 'CT         1,200', 'MR             7']);
  });

  it('gives East Asian characters the two columns that terminals give them', () => {
    const [, , wide, narrow] = table(
      ['name', 'x'],
      [
        ['見本^患者', 'a'],
        ['abcdefghi', 'b'],
      ],
    ).split('\n');
    expect(wide).toBe('見本^患者  a');
    expect(narrow).toBe('abcdefghi  b');
  });

  it('replaces control characters of a value', () => {
    expect(table(['x'], [['a\x1b[2Jb\nc']]).split('\n')[2]).toBe('a·[2Jb·c');
  });
});
