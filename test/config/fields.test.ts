import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteSize, commaList, duration, fixedText, onlyDefault, text, wholeNumber } from '../../src/config/fields.ts';
import { parseCheck, parseMetadataReference } from '../../src/config/record-expressions.ts';
import { suggest } from '../../src/config/suggest.ts';
import { BareScalar } from '../../src/config/yaml-tree.ts';

describe('a duration', () => {
  // Values from Go's time.ParseDuration.
  it.each([
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1h2m3s4ms', 3_723_004],
    ['+5s', 5000],
    ['0.3s', 300],
    ['1us', 1],
    ['1500µs', 2],
    ['0s', 0],
    ['0', 0],
  ])('%s is %d ms', (written, ms) => {
    expect(duration('0s').parse(written)).toBe(ms);
  });

  it.each(['', '5', '1 m', '-1s', '1d', 's', '.s', '1m30', '1e3s', '25d', '600h', '1s '])(
    '%j is invalid',
    (written) => {
      expect(duration('0s').safeParse(written).success).toBe(false);
    },
  );

  it('parses any sum of hours, minutes, seconds and milliseconds', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(59), fc.nat(59), fc.nat(999), (h, m, s, ms) => {
        expect(duration('0s').parse(`${h}h${m}m${s}s${ms}ms`)).toBe(((h * 60 + m) * 60 + s) * 1000 + ms);
      }),
    );
  });

  it('must not be empty where a value is required', () => {
    expect(duration().safeParse('0s').success).toBe(false);
    expect(duration('1s').safeParse('999ms').success).toBe(false);
    expect(duration('1s', '1m').safeParse('61s').success).toBe(false);
  });
});

describe('a size', () => {
  it.each([
    ['512', 512],
    ['1B', 1],
    ['1MiB', 1_048_576],
    ['1mib', 1_048_576],
    ['50 MB', 50_000_000],
    ['1.5k', 1500],
    ['64Ki', 65_536],
    ['1GiB', 1_073_741_824],
  ])('%s is %d bytes', (written, bytes) => {
    expect(byteSize('0', '2GB').parse(written)).toBe(bytes);
  });

  it.each(['', 'x', '1x', '-1', '1iB', '1KBB', '2GiB'])('%j is invalid', (written) => {
    expect(byteSize('0', '2GB').safeParse(written).success).toBe(false);
  });
});

describe('a string', () => {
  it('is a scalar as it is written', () => {
    expect(text().parse(new BareScalar(7, '007'))).toBe('007');
    expect(text().parse(new BareScalar(true, 'true'))).toBe('true');
    expect(text().parse(new BareScalar(null, ''))).toBe('');
  });

  it('may hold several values separated by commas, where Redpanda Connect allows it', () => {
    expect(commaList().parse(['a:1, b:2', 'c:3'])).toEqual(['a:1', 'b:2', 'c:3']);
  });

  it('must not depend on the record for the topic of a producer', () => {
    expect(fixedText().safeParse(['$', '{! @topic }'].join('')).success).toBe(false);
  });
});

describe('a field that is not supported', () => {
  it("is accepted at Redpanda Connect's default, nested fields included", () => {
    const cors = onlyDefault({ enabled: false, allowed_origins: [] });
    expect(cors.safeParse({ enabled: new BareScalar(false, 'false'), allowed_origins: [] }).success).toBe(true);
    expect(cors.safeParse({ enabled: new BareScalar(true, 'true'), allowed_origins: [] }).success).toBe(false);
    expect(cors.safeParse({ allowed_origins: [] }).success).toBe(true);
    expect(cors.safeParse({ allowed_origins: ['a'] }).success).toBe(false);
    expect(cors.safeParse({ allowed: [] }).success).toBe(false);
    expect(cors.safeParse([]).success).toBe(false);
    expect(onlyDefault(0).safeParse(new BareScalar(0, '0')).success).toBe(true);
  });
});

describe('a whole number', () => {
  it('is written without quotes and within its bounds', () => {
    expect(wholeNumber(1, 10).parse(new BareScalar(10, '10'))).toBe(10);
    for (const wrong of ['5', new BareScalar(0, '0'), new BareScalar(11, '11'), new BareScalar(1.5, '1.5')]) {
      expect(wholeNumber(1, 10).safeParse(wrong).success).toBe(false);
    }
  });
});

describe('expressions over records', () => {
  it('knows the check for a literal, however it is spaced', () => {
    expect(parseCheck('@record_type == "state"')).toEqual({ name: 'record_type', literal: 'state' });
    expect(parseCheck(' @a=="\\"b\\"" ')).toEqual({ name: 'a', literal: '"b"' });
    for (const other of ['@a == b', '@a != "b"', 'meta("a") == "b"', '@a == "b" || true', '@a == "\\q"', 'true']) {
      expect(parseCheck(other)).toBeUndefined();
    }
  });

  it('knows the reference to a metadata field', () => {
    const reference = (inside: string) => parseMetadataReference(`\${!${inside}}`);
    expect(reference(' @key ')).toBe('key');
    expect(reference('@key')).toBe('key');
    for (const other of [' @key.uppercase() ', ' json("a") ', ' @ ']) expect(reference(other)).toBeUndefined();
    expect(parseMetadataReference('key')).toBeUndefined();
  });
});

describe('a suggestion', () => {
  it('is made for a similar word, not for a different one', () => {
    const known = ['consumer_group', 'client_id', 'topics', 'tls'];
    expect(suggest('topcis', known)).toBe('topics');
    expect(suggest('topic', known)).toBe('topics');
    expect(suggest('consumergroup', known)).toBe('consumer_group');
    expect(suggest('TLS', known)).toBe('tls');
    expect(suggest('partition', known)).toBeUndefined();
    expect(suggest('x', [])).toBeUndefined();
  });
});
