import type { Writable } from 'node:stream'
import { MultiBar, type SingleBar } from 'cli-progress'
import { clean, shorten } from './print/text.ts'

const NAME_CHARACTERS_MAX = 32
const LINES_PER_SECOND = 10
const ROWS_BESIDE_BARS = 3

export interface ProgressLine {
  /** `percent` from 0 to 100; `state` is one or two words. */
  update(percent: number, state: string): void
  finish(state: string): void
}

/** One line per document. */
export interface ProgressBoard {
  add(name: string): ProgressLine
  /** Ends drawing and gives the terminal its cursor back. May be called twice. */
  stop(): void
}

/** Bars where `stderr` is a terminal with room for them all, a plain line per document begun and ended otherwise. */
export function createProgressBoard(stderr: Writable, documents: number): ProgressBoard {
  const terminal = stderr as Writable & { isTTY?: boolean; rows?: number }
  return terminal.isTTY && documents + ROWS_BESIDE_BARS <= (terminal.rows ?? 24) ? createBars(stderr) : createLines(stderr)
}

/** One bar where `stderr` is a terminal, and nothing elsewhere. */
export function createProgressBar(stderr: Writable, name: string): ProgressLine & Pick<ProgressBoard, 'stop'> {
  if ((stderr as Writable & { isTTY?: boolean }).isTTY !== true)
    return { update: () => undefined, finish: () => undefined, stop: () => undefined }
  const board = createBars(stderr)
  return { ...board.add(name), stop: board.stop }
}

function createBars(stderr: Writable): ProgressBoard {
  const bars = new MultiBar({
    stream: stderr,
    format: '{name} {bar} {percentage} % {state}',
    barCompleteChar: '━',
    barIncompleteChar: '─',
    barsize: 24,
    fps: LINES_PER_SECOND,
    hideCursor: true,
    autopadding: true,
    emptyOnZero: true,
    // interruption.ts owns the signals.
    gracefulExit: false,
    formatValue: (value, _options, type) => (type === 'percentage' ? String(value).padStart(3) : String(value)),
  })
  const stop = () => {
    process.off('exit', stop)
    if (bars.isActive) bars.stop()
  }
  process.once('exit', stop)
  return { add: (name) => addBar(bars, name), stop }
}

function addBar(bars: MultiBar, name: string): ProgressLine {
  const bar: SingleBar = bars.create(100, 0, { name: shorten(clean(name), NAME_CHARACTERS_MAX).padEnd(NAME_CHARACTERS_MAX), state: '' })
  return {
    update: (percent, state) => bar.update(Math.round(percent), { state }),
    finish: (state) => bar.update(100, { state }),
  }
}

function createLines(stderr: Writable): ProgressBoard {
  return {
    add: (name) => {
      const say = (state: string) => stderr.write(`${clean(name)}: ${state}\n`)
      let begun = false
      return {
        update: (_percent, state) => {
          if (!begun) say(state)
          begun = true
        },
        finish: (state) => void say(state),
      }
    },
    stop: () => undefined,
  }
}
