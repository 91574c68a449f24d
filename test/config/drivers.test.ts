import { describe, expect, it } from 'vitest';
import { type Drivers, readDatabase } from '../../src/config/database.ts';
import { ConfigDocument } from '../../src/config/document.ts';

/** Two drivers that the product doesn't have. */
const DRIVERS: Drivers = {
  slate: {
    options: {
      erase: { kind: 'boolean', default: false },
      sponges: { kind: 'number', least: 1, most: 9, default: 2 },
      pause: { kind: 'duration', least: '1ms', most: '1h', default: 500 },
      chalk: { kind: 'size', least: '1B', most: '1GiB', default: 1024 },
      side: { kind: 'choice', choices: ['front', 'back'], default: 'front' },
      title: { kind: 'text', default: '' },
      frames: { kind: 'texts', default: [] },
    },
    checkDsn: (dsn) => (dsn.startsWith('slate://') ? undefined : 'expected slate://host'),
  },
  tablet: {
    options: { stylus: { kind: 'text', default: 'reed' } },
    checkDsn: (dsn) => (dsn.startsWith('tablet://') ? undefined : 'expected tablet://host'),
  },
};

/** Reads a `dicom_store` with these lines. */
function read(...lines: readonly string[]) {
  const document = new ConfigDocument('c.yaml', `store:\n${lines.map((line) => `  ${line}\n`).join('')}`, {});
  const component = { label: 'db', path: 'root.store', type: 'dicom_store', body: ['store'] } as const;
  const database = readDatabase(document, component, DRIVERS);
  return { database, issues: document.issues.map(({ line, message }) => `${line} ${message}`) };
}

describe('the options of a driver', () => {
  it('have the defaults that the driver declares', () => {
    const { database, issues } = read('driver: slate', 'dsn: slate://host');
    expect(issues).toEqual([]);
    expect(database?.options).toEqual({
      erase: false,
      sponges: 2,
      pause: 500,
      chalk: 1024,
      side: 'front',
      title: '',
      frames: [],
    });
  });

  it('are read in the notation of their kind', () => {
    const { database } = read(
      'driver: slate',
      'dsn: slate://host',
      'erase: true',
      'sponges: 9',
      'pause: 1m30s',
      'chalk: 2MiB',
      'side: back',
      'title: 007',
      'frames: ["a, b", c]',
    );
    expect(database?.options).toEqual({
      erase: true,
      sponges: 9,
      pause: 90_000,
      chalk: 2_097_152,
      side: 'back',
      title: '007',
      frames: ['a', 'b', 'c'],
    });
  });

  it.each([
    ['erase: "true"', 'expected true or false, without quotes'],
    ['sponges: 10', 'expected a whole number from 1 to 9, without quotes'],
    ['pause: 2h', 'expected a duration from 1ms to 1h, such as 500ms or 1m30s'],
    ['chalk: 2GiB', 'expected a size from 1B to 1GiB, such as 50MB or 1MiB'],
    ['side: left', 'expected one of front, back'],
    ['title: [a]', 'expected a string'],
    ['frames: a', 'expected a list'],
  ])('refuse %s', (line, message) => {
    const { database, issues } = read('driver: slate', 'dsn: slate://host', line);
    expect(database).toBeUndefined();
    expect(issues).toEqual([`4 store.${line.split(':')[0]}: ${message}`]);
  });

  it('refuse an option of another driver by that name, and one that no driver has', () => {
    expect(read('driver: tablet', 'dsn: tablet://host', 'erase: true').issues).toEqual([
      '4 store.erase: is an option of the driver slate, not of this one',
    ]);
    expect(read('driver: tablet', 'dsn: tablet://host', 'stilus: reed').issues).toEqual([
      '4 unknown field stilus in store (did you mean stylus?)',
    ]);
  });

  it('are no further problem if the driver is unknown', () => {
    for (const driver of ['papyrus', 'constructor'])
      expect(read(`driver: ${driver}`, 'dsn: slate://host', 'erase: 7', 'stylus: reed').issues).toEqual([
        '2 store.driver: expected one of slate, tablet',
      ]);
  });
});

describe('a DSN of the wrong form', () => {
  it('is reported with the form that the driver expects, and with the driver that it is for', () => {
    expect(read('driver: slate', 'dsn: tablet://user:secret@host').issues).toEqual([
      '3 store.dsn: expected slate://host; this DSN is for the driver tablet',
    ]);
    expect(read('driver: slate', 'dsn: user:secret@host').issues).toEqual(['3 store.dsn: expected slate://host']);
  });
});
