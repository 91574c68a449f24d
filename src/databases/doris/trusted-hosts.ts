import { SinkError } from '../../errors.ts';
import { type DorisHost, type DorisTarget, hostName } from './dsn.ts';

/**
 * Where a redirect leads. Rejects with a SinkError `misconfigured` unless the password may be sent there: a host of the DSN or of the FE's own
 * list of backends, by the same scheme. User and password in `location`, which an FE adds, are dropped.
 */
export async function redirectTarget(
  location: string | undefined,
  from: { readonly url: URL; readonly target: DorisTarget; readonly name: string },
  listBackends: () => Promise<readonly DorisHost[]>,
): Promise<URL> {
  const refuse = (detail: string) => new SinkError(from.name, 'misconfigured', detail);
  if (location === undefined || !URL.canParse(location, from.url.href)) throw refuse('redirect:without_location');
  const to = new URL(location, from.url.href);
  if (to.protocol !== from.url.protocol) throw refuse('redirect:scheme, an FE may not change between http and https');
  to.username = '';
  to.password = '';
  to.hash = '';
  const host = hostOfUrl(to);
  const { backends, frontends } = from.target;
  if ([...backends, ...frontends].some(({ name }) => name === host)) return to;
  if (backends.length === 0 && (await listBackends()).some(({ name }) => name === host)) return to;
  throw refuse('redirect:untrusted_host, name the BEs in the option backends of the DSN');
}

/** `host:port` of a URL, as `DorisHost.name`. */
export function hostOfUrl(url: URL): string {
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return hostName(url.hostname.replace(/^\[|\]$/g, ''), port);
}
