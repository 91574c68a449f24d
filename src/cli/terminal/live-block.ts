/** The stream that a block is written to: a terminal, a pipe or a file. */
export interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface LiveBlock {
  /** Shows the newest state: on a terminal `lines` replaces the last block, elsewhere `plain` is one more line. */
  show(lines: readonly string[], plain: string): void;
  /** Shows the last state, however recent the one before. Later output appears below the block. */
  end(lines: readonly string[], plain: string): void;
}

const ESC = '\x1b[';
const PLAIN_EVERY_MS = 1_000;
const DRAW_EVERY_MS = 80;
const DEFAULT_COLUMNS = 80;

/** Progress as a few lines that are redrawn in place on a terminal, elsewhere as one line per second. */
export function liveBlock(screen: Screen): LiveBlock {
  const terminal = screen.isTTY === true;
  const interval = terminal ? DRAW_EVERY_MS : PLAIN_EVERY_MS;
  let drawn = 0;
  let shownAt = Number.NEGATIVE_INFINITY;
  let shown = '';

  function draw(lines: readonly string[], plain: string): void {
    shownAt = performance.now();
    if (!terminal) {
      if (plain !== shown) screen.write(`${plain}\n`);
      shown = plain;
      return;
    }
    const width = (screen.columns ?? DEFAULT_COLUMNS) - 1;
    const back = drawn > 0 ? `${ESC}${drawn}A\r` : '';
    // Clears each line to its end, and the rest of a longer block below.
    screen.write(`${back}${lines.map((line) => `${cut(line, width)}${ESC}K\n`).join('')}${ESC}J`);
    drawn = lines.length;
  }

  return {
    show: (lines, plain) => {
      if (performance.now() - shownAt >= interval) draw(lines, plain);
    },
    end: draw,
  };
}

/** A wrapped line would take two rows, and the cursor would return to the wrong one. */
function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}

/** `████████░░░░  62 %`; empty without a total. */
export function bar(done: number, total: number | undefined, width = 24): string {
  if (total === undefined || total <= 0) return '';
  const share = Math.min(1, done / total);
  const full = Math.round(share * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)} ${String(Math.floor(share * 100)).padStart(3)} %`;
}
