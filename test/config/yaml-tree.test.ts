import { describe, expect, it } from 'vitest';
import { type Document, parseDocument } from 'yaml';
import { BareScalar, find, toPlain } from '../../src/config/yaml-tree.ts';

const parse = (text: string): Document => parseDocument(text, { merge: true, prettyErrors: false });

const TEXT = `
base: &base { a: base, b: base }
other: &other { b: other, c: other }
nested: &nested { <<: *base, d: nested }
own first: { a: own, <<: *base }
own last: { <<: *base, a: own }
list: { <<: [*base, *other] }
two keys: { <<: *other, <<: *base }
deep: { <<: *nested, b: deep }
quoted: { "<<": plain, a: 1 }
twice: { a: first, a: last }
numbers: { 1: one, null: nothing }
`;

describe('find', () => {
  it('finds the value that the plain tree has, for every name and for no other', () => {
    const document = parse(TEXT);
    const plain = toPlain(document, document.contents);
    expect(plain).toMatchObject({
      'own first': { a: 'own', b: 'base' },
      'own last': { a: 'own', b: 'base' },
      list: { a: 'base', b: 'base', c: 'other' },
      'two keys': { a: 'base', b: 'other', c: 'other' },
      deep: { a: 'base', b: 'deep', d: 'nested' },
      quoted: { '<<': 'plain', a: new BareScalar(1, '1') },
      twice: { a: 'last' },
      numbers: { '1': 'one', null: 'nothing' },
    });
    const names = ['a', 'b', 'c', 'd', '<<', '1', 'null', 'toString'];
    for (const [map, values] of Object.entries(plain as Readonly<Record<string, Readonly<Record<string, unknown>>>>)) {
      for (const name of names) {
        const { steps, value } = find(document, [map, name]);
        expect({ map, name, steps }).toEqual({ map, name, steps: Object.hasOwn(values, name) ? 2 : 1 });
        if (steps === 2)
          expect({ map, name, value: toPlain(document, value) }).toEqual({ map, name, value: values[name] });
      }
    }
  });
});
