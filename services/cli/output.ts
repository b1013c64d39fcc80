import type { Writable } from 'node:stream'
import { styleText } from 'node:util'

type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** What a command says. With `--json`, lines for people are dropped and stdout holds exactly one JSON value. */
export interface Output {
  readonly json: boolean
  /** For what is no line: a file that is the output. */
  readonly stdout: Writable
  /** A line for people on stdout. */
  line(text?: string): void
  /** The JSON value, on one line; does nothing without `--json`. */
  value(value: unknown): void
  /** A line on stderr, in either case. */
  note(text: string): void
  /** Colours only where stdout is a terminal that wants them (NO_COLOR, FORCE_COLOR and TERM are looked at by `styleText`). */
  paint(format: Format, text: string): string
}

export function createOutput(stdout: Writable, stderr: Writable, json: boolean): Output {
  return {
    json,
    stdout,
    line: (text = '') => {
      if (!json) stdout.write(`${text}\n`)
    },
    value: (value) => {
      if (json) stdout.write(`${JSON.stringify(value)}\n`)
    },
    note: (text) => {
      stderr.write(`greffier: ${text}\n`)
    },
    paint: (format, text) => styleText(format, text, { stream: stdout, validateStream: true }),
  }
}
