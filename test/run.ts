// `npm test`: lint, types, unused code and tests, each on the Node that runs this; every step runs, and the end lists what failed.
// Arguments: lint | types | unused | unit [filters of vitest ...] | qdrant. Exit codes: 0 all passed, 1 something failed, 64 wrong usage.
// The last line is `N passed, N failed`: tests are counted one by one, every other step as one.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'

const ROOT = resolve(import.meta.dirname, '..')
const MODULES = join(ROOT, 'node_modules')
const EXIT_USAGE = 64
const VITEST = 'vitest/vitest.mjs'

interface Outcome {
  passed: number
  /** What failed, each as one line. */
  failures: string[]
}

/** The part of vitest's JSON report that is used. */
const Report = z.object({
  numPassedTests: z.int(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
})

let current: ChildProcess | undefined
let interrupted = false
// vitest ends in order on SIGINT: it stops the servers that it started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = true
    current?.kill('SIGINT')
  })
}

const STEPS = {
  lint: () => check('lint', '@biomejs/biome/bin/biome', ['ci', '--error-on-warnings', ...(process.stdout.isTTY ? [] : ['--colors=off'])]),
  types: () => check('types', 'typescript/bin/tsc', ['--noEmit']),
  unused: () => check('unused', 'knip/bin/knip.js', []),
  unit: (filters: string[]) => tests(filters),
}

process.exitCode = await main(process.argv.slice(2))

async function main([command, ...rest]: string[]): Promise<number> {
  switch (command) {
    case undefined:
      return report([
        ['lint', STEPS.lint],
        ['types', STEPS.types],
        ['unused', STEPS.unused],
        ['unit', () => STEPS.unit([])],
      ])
    case 'lint':
    case 'types':
    case 'unused':
      return rest.length > 0 ? usage() : report([[command, STEPS[command]]])
    case 'unit':
      return report([[command, () => STEPS.unit(rest)]])
    case 'qdrant':
      if (process.env.QDRANT_URL) return report([[command, () => tests(['--config', 'test/setup/qdrant.config.ts'])]])
      process.stderr.write('set QDRANT_URL to a Qdrant server that this test may write to, as in QDRANT_URL=http://127.0.0.1:6333\n')
      return EXIT_USAGE
    default:
      return usage()
  }
}

function usage(): number {
  process.stderr.write('usage: npm test [-- lint | types | unused | unit [filter ...] | qdrant]\n')
  return EXIT_USAGE
}

async function report(steps: [name: string, run: () => Promise<Outcome>][]): Promise<number> {
  let passed = 0
  const failures: string[] = []
  for (const [name, run] of steps) {
    if (interrupted) break
    say(`\n── ${name}`)
    const startedAtMs = Date.now()
    const outcome = await run()
    passed += outcome.passed
    failures.push(...outcome.failures)
    say(`── ${name}: ${outcome.failures.length === 0 ? 'passed' : 'FAILED'} in ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s`)
  }
  if (interrupted) failures.push('interrupted')
  if (failures.length > 0) say(`\nfailed:\n${failures.map((failure) => `  ${failure}`).join('\n')}`)
  say(`\n${passed} passed, ${failures.length} failed`)
  return failures.length === 0 ? 0 : 1
}

async function check(name: string, tool: string, argumentList: string[]): Promise<Outcome> {
  return (await run(tool, argumentList)) === 0 ? { passed: 1, failures: [] } : { passed: 0, failures: [name] }
}

async function tests(argumentList: string[]): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'greffier-test-report-'))
  const file = join(folder, 'report.json')
  try {
    const status = await run(VITEST, [
      'run',
      '--configLoader=native',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...argumentList,
    ])
    const outcome = existsSync(file)
      ? count(
          Report.parse(JSON.parse(readFileSync(file, 'utf8'))),
          argumentList.some((argument) => argument === '-t'),
        )
      : { passed: 0, failures: [] }
    // An error outside of every test (a rejection that nobody handled, a server that did not start) fails the run as well.
    if (status !== 0 && outcome.failures.length === 0) outcome.failures.push('unit: vitest failed outside of the tests, see above')
    return outcome
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A test that did not run has failed, unless `-t` chose others; so has a file whose tests could not even be collected. */
function count(report: z.infer<typeof Report>, chosen: boolean): Outcome {
  const failures = report.testResults.flatMap((file) => {
    const path = file.name.replace(`${ROOT}/`, '')
    const failed = file.assertionResults
      .filter(({ status }) => status !== 'passed' && !(chosen && status === 'skipped'))
      .map(({ fullName, status }) => `${path} > ${fullName} (${status})`)
    return failed.length === 0 && file.status !== 'passed' ? [`${path} (${file.status})`] : failed
  })
  return { passed: report.numPassedTests, failures }
}

function run(tool: string, argumentList: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    current = spawn(process.execPath, [join(MODULES, tool), ...argumentList], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
    current.on('error', reject)
    current.on('exit', (exitCode) => resolve(exitCode ?? 1))
  })
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
