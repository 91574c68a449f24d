/** Length, API key and API version. */
const HEADER_BYTES = 8;

/**
 * Whether bytes that a Kafka client sent contain a request with one of these API keys. A client may send several requests at once; the bytes
 * must begin with the length of a request.
 */
export function hasRequest(...apiKeys: readonly number[]): (sent: Buffer) => boolean {
  return (sent) => {
    for (let at = 0; at + HEADER_BYTES <= sent.length; at += 4 + sent.readUInt32BE(at))
      if (apiKeys.includes(sent.readInt16BE(at + 4))) return true;
    return false;
  };
}
