/**
 * Stores new objects and images with COPY, and the states with their upsert, since many batches have rows of one series. COPY costs the
 * server two thirds of an upsert, but fails if a row exists.
 */
import { randomUUID } from 'node:crypto';
import type { PostgresConnection, PostgresStatementError } from './connection.ts';
import type { PipelineStep } from './pipeline.ts';
import { copyStatement, keysStatement, POSTGRES_STATE_STATEMENT, WRITTEN_TABLES } from './write-statement.ts';

/** The rows of one transaction: lines for COPY, and the array of the states. */
export interface CopyInput {
  readonly objects: Buffer;
  readonly states: Buffer | undefined;
  readonly images: Buffer;
}

/** Stores new rows over one connection, whose prepared statements it knows. */
export interface Copier {
  /** Resolves to undefined when all rows are durable, or to the server's error, after which none is stored. */
  insert(connection: PostgresConnection, input: CopyInput): Promise<PostgresStatementError | undefined>;
}

const [OBJECTS, , IMAGES] = WRITTEN_TABLES;
const TEXTS = {
  images: copyStatement(IMAGES),
  states: POSTGRES_STATE_STATEMENT,
  objects: copyStatement(OBJECTS),
  keys: keysStatement([OBJECTS, IMAGES]),
};
type Part = keyof typeof TEXTS;

/** Creates the copier of a new connection. */
export function createCopier(): Copier {
  const prepared = new Map<Part, string>();

  return {
    async insert(connection, { objects, states, images }) {
      const used = new Map<Part, string>();
      const step = (part: Part, input: PipelineStep['input']): PipelineStep => {
        const name = prepared.get(part) ?? statementName(part);
        used.set(part, name);
        return { name, prepare: prepared.has(part) ? undefined : TEXTS[part], input };
      };
      // In the order in which the statement for all tables locks its rows: PostgreSQL runs its parts from the last to the first.
      const steps = [
        ...(images.length === 0 ? [] : [step('images', { copy: images })]),
        ...(states === undefined ? [] : [step('states', { parameters: [states] })]),
        ...(objects.length === 0 ? [] : [step('objects', { copy: objects })]),
        // Without a key, COPY would store a redelivered row again. The locks of the COPYs keep the key until the commit.
        step('keys', { parameters: [] }),
      ];
      const error = await connection.pipeline(steps);
      // After an error it isn't known which of them the server has prepared.
      if (error === undefined) for (const [part, name] of used) prepared.set(part, name);
      return error;
    },
  };
}

/** A name for a prepared statement. Unique, because PGlite and poolers may share a session, and its statement names, between connections. */
export function statementName(what: string): string {
  return `wado_consumer_${what}_${randomUUID().slice(0, 8)}`;
}
