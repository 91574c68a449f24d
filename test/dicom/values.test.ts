import { describe, expect, it } from 'vitest';
import { hashUid, seaHash } from '../../src/dicom/rows/uid-hash.ts';
import { numbersText, readNumber } from '../../src/dicom/values/binary-values.ts';
import {
  cutCharacters,
  parseDate,
  parseDecimal,
  parseInteger,
  parseTime,
  trimValues,
} from '../../src/dicom/values/values.ts';

function table<T>(read: (bytes: string) => T, rows: readonly (readonly [bytes: string, value: T])[]): void {
  for (const [bytes, value] of rows) {
    it(`reads ${JSON.stringify(bytes)} as ${JSON.stringify(value)}`, () => {
      expect(read(bytes)).toBe(value);
    });
  }
}

describe('DA', () => {
  table(parseDate, [
    ['20240229', '2024-02-29'],
    ['20240229 ', '2024-02-29'],
    ['2024.02.29', '2024-02-29'],
    ['2024', '2024-01-01'],
    ['202403', '2024-03-01'],
    ['20240301\\20240302', '2024-03-01'],
    ['20240301-20240331', '2024-03-01'],
    ['20240301101530', '2024-03-01'],
    ['2024 ', '2024-01-01'],
    ['2024\0\0', '2024-01-01'],
    ['2024\\2025', '2024-01-01'],
    ['202403 ', '2024-03-01'],
    ['2024031 ', '2024-03-01'],
    ['20243', '2024-01-01'],
    ['2024-03-15', null],
    ['2024/03/15', null],
    ['2024.3.15', null],
    ['2024.03', null],
    ['2024.03.1', null],
    ['2024 0315', null],
    ['202403-', null],
    ['202403AB', null],
    ['20230229', null],
    ['20241301', null],
    ['00000101', null],
    ['ABCDEFGH', null],
    [' 20240229', null],
    ['', null],
  ]);
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
    ['101', '10:00:00'],
    ['101530+0100', '10:15:30'],
    ['101530.', '10:15:30'],
    ['10:15:30 PM', '10:15:30'],
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
    ['-12\\13', -12],
    ['2147483647', 2147483647],
    ['2147483648', null],
    ['-2147483648', -2147483648],
    ['7.0', null],
    ['1e3', null],
    ['0x10', null],
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
  it('loses the padding of every value, and NULs everywhere', () => {
    expect(trimValues('A \\ B \\C\0')).toBe('A\\ B\\C');
    expect(trimValues('  LEFT  ')).toBe('  LEFT');
    expect(trimValues('A\0B \0')).toBe('AB');
    expect(trimValues('   ')).toBe('');
    expect(trimValues('\\')).toBe('\\');
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
