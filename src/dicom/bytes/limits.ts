/** The bounds of one header (docs/contract.md, "Bounds"). Sizes in bytes. */
export const SCAN_LIMITS = {
  scannedBytes: 64 << 20,
  inflatedBytes: 16 << 20,
  elements: 100_000,
  nesting: 128,
  // More than any column holds in any character set. The rest of a longer value is skipped.
  valueBytes: 4096,
} as const;
