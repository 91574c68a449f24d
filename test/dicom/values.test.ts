import { describe, expect, it } from 'vitest';
import { hashUid, seaHash } from '../../src/dicom/rows/uid-hash.ts';
import { numbersText, readNumber } from '../../src/dicom/values/binary-values.ts';
import { parseDate, parseTime, parseWholeDate } from '../../src/dicom/values/dates.ts';
import { parseDecimal, parseInteger } from '../../src/dicom/values/numbers.ts';
import { cutCharacters, trimValues, withoutNuls } from '../../src/dicom/values/padding.ts';

function table<T>(read: (bytes: string) => T, rows: readonly (readonly [bytes: string, value: T])[]): void {
  for (const [bytes, value] of rows) {
    it(`reads ${JSON.stringify(bytes)} as ${JSON.stringify(value)}`, () => {
      expect(read(bytes)).toBe(value);
    });
  }
}

describe('DA', () => {
  const DATES: readonly (readonly [bytes: string, date: string | null, whole: string | null])[] = [
    ['20240229', '2024-02-29', '20240229'],
    ['20240229 ', '2024-02-29', '20240229'],
    ['20240229  ', '2024-02-29', '20240229'],
    ['2024.02.29', '2024-02-29', '20240229'],
    ['2024', '2024-01-01', null],
    ['202403', '2024-03-01', null],
    ['20240301\\20240302', '2024-03-01', '20240301'],
    ['2024 ', '2024-01-01', null],
    ['2024\\2025', '2024-01-01', null],
    ['202403 ', '2024-03-01', null],
    ['202403019', '2024-03-01', '20240301'],
    ['2024.03.019', '2024-03-01', '20240301'],
    ['2024030199', null, null],
    ['20240301101530', null, null],
    ['20240301-20240331', null, null],
    ['20240101-', null, null],
    ['2024031 ', null, null],
    ['20243', null, null],
    ['2024031', null, null],
    ['2024-03-15', null, null],
    ['2024/03/15', null, null],
    ['2024.3.15', null, null],
    ['2024.03', null, null],
    ['2024.03.1', null, null],
    ['2024 0315', null, null],
    ['202403-', null, null],
    ['202403AB', null, null],
    ['20230229', null, null],
    ['20241301', null, null],
    ['00000101', null, null],
    ['ABCDEFGH', null, null],
    [' 20240229', null, null],
    ['20240229\t', null, null],
    ['\0\x0020240229', '2024-02-29', '20240229'],
    ['20240229\0junk', '2024-02-29', '20240229'],
    ['2024\x000229', '2024-01-01', null],
    ['\0\0', null, null],
    ['***', null, null],
    ['', null, null],
  ];
  for (const [bytes, date, whole] of DATES) {
    it(`reads ${JSON.stringify(bytes)} as ${date}, and as the whole date ${whole}`, () => {
      expect(parseDate(bytes)).toBe(date);
      expect(parseWholeDate(bytes)).toBe(whole);
    });
  }
});

describe('TM', () => {
  table(parseTime, [
    ['101530', '10:15:30'],
    ['10', '10:00:00'],
    ['1015', '10:15:00'],
    ['101530.5', '10:15:30.500'],
    ['101530.25 ', '10:15:30.250'],
    ['101545.999999', '10:15:45.999'],
    ['101545.000', '10:15:45'],
    ['10:15', '10:15:00'],
    ['10:15:30', '10:15:30'],
    ['10:15:30.5', '10:15:30.500'],
    ['10 ', '10:00:00'],
    ['10:15\0', '10:15:00'],
    ['1015\\1016', '10:15:00'],
    ['101530+0100', '10:15:30'],
    ['101530.', '10:15:30'],
    ['10:15:30 PM', '10:15:30'],
    ['\x001015', '10:15:00'],
    ['1015\0junk', '10:15:00'],
    ['101', null],
    ['10153', null],
    ['10:15 PM', null],
    ['10.15.30', null],
    ['10-15-30', null],
    ['10h15', null],
    ['10:1', null],
    ['10:15:3', null],
    ['10:1530', null],
    ['1015:30', null],
    ['1015.5', null],
    ['10.5', null],
    ['235959', '23:59:59'],
    ['240000', null],
    ['106000', null],
    ['235960', null],
    ['NOON', null],
    [' 101500', null],
    ['', null],
  ]);
});

describe('IS', () => {
  table(parseInteger, [
    ['7', 7],
    [' +7 ', 7],
    [' 12 ', 12],
    ['1.000', 1],
    ['-1.0 ', -1],
    ['-12\\13', -12],
    ['\x0012\x0034', 12],
    ['2147483647', 2147483647],
    ['2147483648', null],
    ['2147483648.0', null],
    ['-2147483648', -2147483648],
    ['1.5', null],
    ['1.001', null],
    ['1.', null],
    ['.0', null],
    ['1.0.0', null],
    ['1e3', null],
    ['1.0e3', null],
    ['0x10', null],
    ['1 2', null],
    ['\t7', null],
    ['', null],
  ]);
});

describe('DS', () => {
  table(parseDecimal, [
    ['1.5', 1.5],
    [' 1.5E+00', 1.5],
    ['.5', 0.5],
    ['+5. ', 5],
    ['-1024\\1', -1024],
    ['1,65', null],
    ['\x001.25\x00junk', 1.25],
    ['1e3', 1000],
    ['1.5 2', null],
    ['NaN', null],
    ['Infinity', null],
    ['1e400', null],
    ['0x10', null],
    ['.', null],
    ['', null],
  ]);

  it('takes linear time on digits made to be slow', () => {
    const start = process.cpuUsage();
    for (let run = 0; run < 50; run++) parseDecimal(`${'1'.repeat(4095)}x`);
    // CPU, not time: the machine may do other things too. What isn't linear takes seconds.
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(500);
  });
});

describe('text', () => {
  it('loses the spaces around every value, but keeps leading ones in person names', () => {
    expect(trimValues('A \\ B \\C', false)).toBe('A\\B\\C');
    expect(trimValues('A \\ B \\C', true)).toBe('A\\ B\\C');
    expect(trimValues('  LEFT  ', false)).toBe('LEFT');
    expect(trimValues('  LEFT  ', true)).toBe('  LEFT');
    expect(trimValues('\tA\r\n', false)).toBe('\tA\r\n');
    expect(trimValues('   ', false)).toBe('');
    expect(trimValues('\\', false)).toBe('\\');
  });

  it('starts behind its leading NULs and ends at the first NUL behind them', () => {
    expect(withoutNuls('A\0B')).toBe('A');
    expect(withoutNuls('\0\0A\0\0B')).toBe('A');
    expect(withoutNuls(' \0A')).toBe(' ');
    expect(withoutNuls('\0\0')).toBe('');
    expect(withoutNuls('AB')).toBe('AB');
  });

  it('is cut to characters, not to bytes or UTF-16 units', () => {
    expect(cutCharacters('😀😀😀', 2)).toBe('😀😀');
    expect(cutCharacters('😀a', 2)).toBe('😀a');
    expect(cutCharacters('王小东', 2)).toBe('王小');
    expect(cutCharacters('abc', 3)).toBe('abc');
  });
});

describe('binary numbers', () => {
  const us = { size: 2, kind: 'unsigned' } as const;

  it('follow the byte order', () => {
    expect(readNumber('\x01\x02', 0, us, false)).toBe(0x0201);
    expect(readNumber('\x01\x02', 0, us, true)).toBe(0x0102);
  });

  it('are signed or not as their VR says', () => {
    expect(readNumber('\xff\xff', 0, us, false)).toBe(65535);
    expect(readNumber('\xff\xff', 0, { size: 2, kind: 'signed' }, false)).toBe(-1);
    expect(readNumber('\xff\xff\xff\xff', 0, { size: 4, kind: 'unsigned' }, false)).toBe(4294967295);
    expect(readNumber('\xff'.repeat(8), 0, { size: 8, kind: 'signed' }, true)).toBe(-1);
  });

  it('are absent where bytes are missing', () => {
    expect(readNumber('\x01', 0, us, false)).toBeUndefined();
    expect(numbersText('\x01\x00\x02\x00\x03', us, false)).toBe('1\\2');
  });
});

describe('the uid hash', () => {
  for (const [uid, hash] of [
    ['1.2.3', '14152512315557983588'],
    ['1.2.3.8', '00180450261792052735'],
    ['1.2.840.10008.1.2.1', '14115128061187056884'],
    ['1.3.6.1.4.1.5962.1.2.1.20040119072730.12322', '00332093670316092639'],
    ['1.2.826.0.1.3680043.10.9999.1.1', '01346794157273542633'],
  ] as const) {
    it(`of ${uid} is the contract’s`, () => {
      expect(hashUid(uid)).toBe(hash);
      expect(hashUid(uid)).toBe(hash);
    });
  }

  it('of the sentence in SeaHash’s own documentation is the one given there', () => {
    expect(seaHash(Buffer.from('to be or not to be'))).toBe(1988685042348123509n);
  });
});
