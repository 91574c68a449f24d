import { existsSync } from 'node:fs';
import path from 'node:path';
import type { GroupConfig } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { loadGroup } from '../config/load.ts';
import type { TestCase } from '../config/test-cases.ts';
import { ConfigError } from '../errors.ts';

const POINTERS = ['/pipeline/processors', '/pipeline/processors/0'];

/**
 * The processor that a test targets: the pipeline's, in this configuration or in the file that `target_processors` names, with the test's
 * variables. Throws a ConfigError when the target isn't that processor, or when it isn't valid.
 */
export function targetProcessor(test: TestCase, config: string, environment: Environment): GroupConfig {
  const hash = test.target.indexOf('#');
  const pointer = test.target.slice(hash + 1);
  const file = hash <= 0 ? config : path.join(path.dirname(config), test.target.slice(0, hash));
  const group = loadGroup(file, { env: { ...environment, ...test.environment } });
  if (POINTERS.includes(pointer) || (group.label !== '' && pointer === group.label)) return group;
  const message = `${test.name}: target_processors: expected ${POINTERS.join(', ')} or the label of group_dicom_state`;
  throw new ConfigError([{ file, line: 1, column: 1, message }]);
}

/** What is wrong when a storage root doesn't exist: the records of a test would wait for it for ever. Undefined when all exist. */
export function missingRoot({ storageRoots, path: place }: GroupConfig): string | undefined {
  const index = storageRoots.findIndex((root) => !existsSync(root));
  if (index === -1) return undefined;
  return `${place}.group_dicom_state.storage_roots.${index}: there is no such folder; the environment of the test can name another`;
}
