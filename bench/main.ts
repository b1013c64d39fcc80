// `npm run bench [-- names ...] [--rounds N] [--quick] [--json FILE] [--folder PATH]`: measures and prints the table of ratios, product against bare baseline.
// Exit codes: 0 measured, whether or not the goals are met; 1 a program failed or did not deliver exactly; 64 wrong usage; 130 interrupted.
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { closeAll } from './cleanup.ts'
import type { Options } from './options.ts'
import { isMet, type Row, table } from './report.ts'

const PROGRAMS = [
  'ingest',
  'pipeline',
  'cpu',
  'latency',
  'extraction',
  'memory',
  'limits',
  'calls',
  'gateway',
  'masking',
  'accuracy',
  'ledger',
  'exports',
] as const
const ROUNDS = 5
const ROUNDS_QUICK = 1
const EXIT_FAILED = 1
const EXIT_USAGE = 64
const EXIT_INTERRUPTED = 130

interface Program {
  run(options: Options): Promise<Row[]>
}

let ending = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => end(`${signal}: stopping what was started`, EXIT_INTERRUPTED))
// An error that nobody waits for (a connection that breaks, a promise left alone) must not leave servers behind either.
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, (error: unknown) => end(`FAILED ${describe(error)}`, EXIT_FAILED))
const exitCode = await main()
// A program that failed may have left a connection open, which would hold the process for good.
if (!ending) process.exit(exitCode)

/** Once: what breaks because everything is being stopped is no news. */
function end(reason: string, exitCode: number): void {
  if (ending) return
  ending = true
  say(reason)
  void closeAll().finally(() => process.exit(exitCode))
}

async function main(): Promise<number> {
  const wanted = readArguments()
  if (typeof wanted === 'string') {
    say(wanted)
    return EXIT_USAGE
  }
  const { names, json, options } = wanted
  process.stdout.write(`${machine()}\n${options.rounds} rounds${options.quick ? ', quick: small counts, the figures mean little' : ''}\n\n`)
  const rows: Row[] = []
  let failed = false
  for (const name of names) {
    const startedAtMs = performance.now()
    say(name)
    try {
      const program = (await import(`./${name}.ts`)) as Program
      rows.push(...(await program.run(options)))
    } catch (error) {
      failed = true
      if (!ending) say(`FAILED ${name}: ${describe(error)}`)
    }
    // `end` stops everything and the process as well.
    if (ending) return EXIT_INTERRUPTED
    await closeAll()
    say(`${name}: ${Math.round((performance.now() - startedAtMs) / 1_000)} s`)
  }
  process.stdout.write(`${table(rows)}\n`)
  if (json !== undefined) writeFileSync(json, report(rows, options))
  return failed ? EXIT_FAILED : 0
}

function readArguments(): { names: readonly string[]; json: string | undefined; options: Options } | string {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        folder: { type: 'string' },
      },
    })
    const unknown = positionals.find((name) => !PROGRAMS.some((known) => known === name))
    if (unknown !== undefined) return `there is no ${unknown}: ${PROGRAMS.join(', ')}`
    const rounds = Number(values.rounds ?? (values.quick ? ROUNDS_QUICK : ROUNDS))
    if (!Number.isInteger(rounds) || rounds < 1) return '--rounds is a whole number from 1 on'
    return {
      names: positionals.length > 0 ? positionals : PROGRAMS,
      json: values.json,
      options: { rounds, quick: values.quick, folder: values.folder ?? null, say },
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function machine(): string {
  const [first] = cpus()
  return `${cpus().length} cores (${first?.model.trim()}), Node ${process.version}, ${process.platform} ${process.arch}, ${new Date().toISOString()}`
}

function report(rows: readonly Row[], options: Options): string {
  const { rounds, quick } = options
  return `${JSON.stringify({ machine: machine(), rounds, quick, rows: rows.map((row) => ({ ...row, met: isMet(row) })) }, null, 2)}\n`
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`)
}
