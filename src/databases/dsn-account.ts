/** How the account of a DSN, which ends with the password, is separated from the rest. */

/** A URI of which an `@` follows the first `/`, `?` or `#` of its authority. */
const LATE_ACCOUNT = /^[^/?#]*:\/\/[^/?#]*[/?#].*@/s;
const NAME = /^[\p{L}\p{N}_.-]*$/u;
const IPV6 = /^\[?[0-9a-fA-F:.]+(?:%[\w.-]+)?\]?$/;

/** Whether the account of a URI doesn't end before the first `/`, `?` or `#`: a part of the password would be read as the host. */
export function accountEndsLate(uri: string): boolean {
  return LATE_ACCOUNT.test(uri);
}

/** Whether a text can be a host: a name, an IPv4 address, or an IPv6 address with or without brackets. The empty text can. */
export function canBeHost(text: string): boolean {
  return NAME.test(text) || IPV6.test(text);
}
