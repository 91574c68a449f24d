import { describe, expect, it } from 'vitest';
import { initialRepertoire } from '../../src/dicom/values/character-sets.ts';
import { decodeText } from '../../src/dicom/values/text.ts';

function decode(characterSet: string | undefined, bytes: string, personName = false): string {
  return decodeText(bytes, initialRepertoire(characterSet), personName);
}

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex').toString('latin1');

describe('single repertoires', () => {
  for (const [name, bytes, text] of [
    [undefined, '4d fc 6c 6c 65 72', 'Müller'],
    ['ISO_IR 100', '4a f6 72 67', 'Jörg'],
    ['ISO_IR 101', '44 76 6f f8 e1 6b', 'Dvořák'],
    ['ISO_IR 109', 'a1 b1', 'Ħħ'],
    ['ISO_IR 110', 'c0 e0', 'Āā'],
    ['ISO_IR 126', 'c4 e9 ef ed f5 f3 e9 ef f2', 'Διονυσιος'],
    ['ISO_IR 127', 'e2 c8 c7 e6 ea', 'قباني'],
    ['ISO_IR 138', 'f9 f8 e5 ef', 'שרון'],
    ['ISO_IR 144', 'bb ee da', 'Люк'],
    ['ISO_IR 148', 'c7 61 f0 6c 61', 'Çağla'],
    ['ISO_IR 166', 'b9 d2 c1', 'นาม'],
    ['ISO_IR 203', 'a4 bd', '€œ'],
    ['ISO_IR 13', 'd4 cf c0 de', 'ﾔﾏﾀﾞ'],
    ['ISO_IR 192', 'e7 8e 8b f0 9f 98 80', '王😀'],
    ['GB18030', 'cd f5 81 39 ef 30', '王㐁'],
    ['GBK', 'cd f5', '王'],
    ['GB2312', 'cd f5', '王'],
    ['ISO 2022 IR 58', 'cd f5', '王'],
    ['ISO 2022 IR 149', 'c8 ab 8c 63', '홍똠'],
  ] as const) {
    it(`decodes ${name ?? 'no character set at all'}`, () => {
      expect(decode(name, hex(bytes))).toBe(text);
    });
  }

  it('knows the spellings of careless writers', () => {
    for (const name of [
      'ISO_IR_192',
      'ISO-IR 192',
      'ISO IR 192',
      ' iso_ir 192 ',
      'ISO_IR192',
      'UTF-8',
      'ISO 2022 IR 192\\X',
    ]) {
      expect(decode(name, hex('e7 8e 8b')), name).toBe('王');
    }
  });

  it('reads unknown names as Latin-1', () => {
    expect(decode('ISO_IR 999', '\xe9')).toBe('é');
    expect(decode('constructor', '\xe9')).toBe('é');
  });

  it('puts U+FFFD for what has no character', () => {
    expect(decode('ISO_IR 192', hex('4d fc 6c e7 8e'))).toBe('M\ufffdl\ufffd');
    expect(decode('ISO_IR 126', '\xff')).toBe('\ufffd');
    expect(decode('GB18030', '\xff')).toBe('\ufffd');
    expect(decode('ISO_IR 149', '\xc8')).toBe('\ufffd');
  });

  it('keeps a backslash byte inside a character', () => {
    // 表 in Shift_JIS and 乗 in GB18030 end in 0x5C.
    expect(decode('ISO_IR 13', hex('95 5c'))).toBe('表');
    expect(decode('GB18030', hex('81 5c'))).toBe('乗');
  });
});

describe('code extensions', () => {
  it('switch to Japanese and back (PS3.5, H.3.1)', () => {
    const name = 'Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B';
    expect(decode('\\ISO 2022 IR 87', name, true)).toBe('Yamada^Tarou=山田^太郎=やまだ^たろう');
  });

  it('switch between half-width kana and kanji (PS3.5, H.3.2)', () => {
    const name = '\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J';
    expect(decode('ISO 2022 IR 13\\ISO 2022 IR 87', name, true)).toBe('ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎');
  });

  it('reach JIS X 0212, Korean and Chinese', () => {
    expect(decode('\\ISO 2022 IR 159', '\x1b$(D0!0"\x1b(B x')).toBe('丂丄 x');
    expect(decode('\\ISO 2022 IR 149', '\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf', true)).toBe('홍^길동');
    expect(decode('\\ISO 2022 IR 58', 'Z=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab', true)).toBe('Z=张^小东');
  });

  it('have no character for a pair that JIS X 0212 lacks, and none made of its half', () => {
    expect(decode('\\ISO 2022 IR 159', '\x1b$(D!"0!\x1b(B')).toBe('\ufffd丂');
  });

  it('have the standard’s wave dash and minus sign, not Microsoft’s', () => {
    expect(decode('\\ISO 2022 IR 87', '\x1b$B!A!]\x1b(B')).toBe('〜−');
  });

  it('end at a delimiter, where the repertoire of value 1 counts again', () => {
    expect(decode('ISO 2022 IR 100\\ISO 2022 IR 144', '\x1b-L\xbb\\\xe9')).toBe('Л\\é');
    expect(decode('ISO 2022 IR 100\\ISO 2022 IR 144', '\x1b-L\xbb^\xe9', true)).toBe('Л^é');
    expect(decode('ISO 2022 IR 100\\ISO 2022 IR 144', '\x1b-L\xbb^\xee')).toBe('Л^ю');
    expect(decode('\\ISO 2022 IR 87', '\x1b$B;3\r\n;3')).toBe('山\r\n;3');
  });

  it('go on behind a delimiter where value 1 says nothing about bytes above 0x7F', () => {
    expect(decode('\\ISO 2022 IR 149', '\x1b$)C\xc8\xab^\xb1\xe6', true)).toBe('홍^길');
  });

  it('leave G1 alone while G0 has two bytes a character', () => {
    expect(decode('\\ISO 2022 IR 87\\ISO 2022 IR 149', '\x1b$)C\x1b$B;3\xc8\xab;3\x1b(B')).toBe('山홍山');
  });

  it('mean nothing in UTF-8 and GB18030', () => {
    expect(decode('ISO_IR 192', '\x1b$B;3')).toBe('\x1b$B;3');
    expect(decode('GB18030', '\x1b$B;3')).toBe('\x1b$B;3');
  });

  it('survive half a character and an unknown escape sequence', () => {
    expect(decode('\\ISO 2022 IR 87', '\x1b$B;\x1b(Bx')).toBe('\ufffdx');
    expect(decode('\\ISO 2022 IR 87', 'a\x1bXb\x1b')).toBe('a\x1bXb\x1b');
  });

  it('take linear time on bytes made to be slow', () => {
    const start = process.cpuUsage();
    for (const unit of ['\x1b$B;', '\x1b$)C\xc8^', '\\\x1b', '\x1b-L\xbb=']) {
      decode('ISO 2022 IR 100\\ISO 2022 IR 87', unit.repeat(4096 / unit.length), true);
    }
    // CPU, not time: the machine may do other things too. What isn't linear takes seconds.
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(500);
  });
});
