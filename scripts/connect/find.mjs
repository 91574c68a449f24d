/** Finds a Redpanda Connect that can run plugins: on the PATH, or built from test/connect where Go is installed. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const INSTALLED = [['redpanda-connect'], ['rpk', 'connect']];
const BUILD = fileURLToPath(new URL('build.sh', import.meta.url));
/** Exit code of build.sh where there is no Go. */
const NO_GO = 3;

/** The words of the command, such as `['rpk', 'connect']`. Throws an Error whose message says what to install. */
export function findConnect() {
  const withoutPlugins = [];
  for (const command of INSTALLED) {
    const [program, ...before] = command;
    const help = spawnSync(program, [...before, 'run', '--help'], { encoding: 'utf8', timeout: 60_000 });
    if (help.error?.code === 'ENOENT') continue;
    if (help.status === 0 && help.stdout.includes('--rpc-plugins')) return command;
    withoutPlugins.push(command.join(' '));
  }
  const built = spawnSync(BUILD, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (built.status === 0) return [built.stdout.trim()];
  if (built.status !== NO_GO) throw new Error('Redpanda Connect could not be built: the lines above say why');
  const tooOld = withoutPlugins.map((name) => `\n'${name}' is installed, but 'run' has no option --rpc-plugins.`);
  throw new Error(`there is no Redpanda Connect that runs plugins.${tooOld.join('')}
Install one of these on the PATH, and run this command again:
  redpanda-connect   https://docs.redpanda.com/redpanda-connect/install/ (4.99 is tested)
  rpk                https://docs.redpanda.com/current/get-started/rpk-install/
  go                 https://go.dev/doc/install: Redpanda Connect is then built here (several minutes, once)`);
}
