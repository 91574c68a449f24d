/** The databases that the service supports, by the name that `driver` has in the configuration. */
import type { DatabaseDriver } from './driver.ts';
import { postgres } from './postgres/driver.ts';

export const DATABASE_DRIVERS = { postgres } as const satisfies Readonly<Record<string, DatabaseDriver>>;

export type DatabaseDriverName = keyof typeof DATABASE_DRIVERS;

export const DATABASE_DRIVER_NAMES = Object.keys(DATABASE_DRIVERS) as readonly DatabaseDriverName[];

export function databaseDriver(name: DatabaseDriverName): DatabaseDriver {
  return DATABASE_DRIVERS[name];
}
