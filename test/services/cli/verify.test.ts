import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { signCheckpoint } from '../../../shared/ledger/checkpoint.ts'
import { signerOf } from '../../../shared/ledger/note-keys.ts'
import { type BundleParts, makeBundle } from '../../support/ledger-bundle.ts'
import { KEYS, ORIGIN, VKEYS } from '../../support/ledger-keys.ts'
import { runCli } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'greffier-verify-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function written(name: string, files: BundleParts): string {
  const at = join(folder, name)
  for (const [path, content] of files) {
    mkdirSync(dirname(join(at, path)), { recursive: true })
    writeFileSync(join(at, path), content)
  }
  return at
}

/** Prints the process's peak of resident memory, in kilobytes, at its end. */
const PEAK = `--import=data:text/javascript,${encodeURIComponent("process.on('exit', () => process.stderr.write('PEAK ' + process.resourceUsage().maxRSS))")}`
const peakOf = (stderr: string) => Number(/PEAK (\d+)/.exec(stderr)?.[1]) / 1_000

test('a bundle of 300,000 events takes no more memory than a small one', { timeout: 300_000 }, async () => {
  const small = written('small', (await makeBundle({ size: 3_000, earlier: [1_000] })).files)
  const large = written('large', (await makeBundle({ size: 300_000, earlier: [1_000, 200_000] })).files)
  const node = ['--max-old-space-size=48', PEAK]
  const peaks: number[] = []
  for (const bundle of [small, large]) {
    const done = await runCli(['verify', bundle, '--vkey', VKEYS.first], { node })
    expect(done, done.stderr).toMatchObject({ code: 0 })
    peaks.push(peakOf(done.stderr))
  }
  const [peakSmall = 0, peakLarge = 0] = peaks
  expect(peakSmall).toBeGreaterThan(0)
  // Its files are some 50 MB.
  expect(peakLarge - peakSmall, `${peaks.join(' MB, ')} MB`).toBeLessThan(60)
})

test('a checkpoint of another history, signed with the true key, is told as a rewriting', async () => {
  const { files, checkpointAt } = await makeBundle({ size: 20 })
  const bundle = written('history', files)
  const known = join(folder, 'known')
  writeFileSync(known, await checkpointAt(7))
  expect(await runCli(['verify', bundle, '--vkey', VKEYS.first, '--known-checkpoint', known])).toMatchObject({ code: 0 })
  const otherwise = { origin: ORIGIN, size: 7, root: new Uint8Array(32).fill(7), extensions: [] }
  writeFileSync(known, await signCheckpoint(otherwise, [signerOf(KEYS.first)]))
  const done = await runCli(['verify', bundle, '--vkey', VKEYS.first, '--known-checkpoint', known])
  expect(done).toMatchObject({ code: 1, stdout: expect.stringContaining('HISTORY_WRONG') })
})

test('a link in the folder is not followed', async () => {
  const { files } = await makeBundle({ size: 5 })
  const bundle = written('link', files)
  const outside = join(folder, 'outside')
  writeFileSync(outside, files.get('README.md') ?? '')
  rmSync(join(bundle, 'README.md'))
  symlinkSync(outside, join(bundle, 'README.md'))
  const done = await runCli(['verify', bundle, '--vkey', VKEYS.first, '--json'])
  expect(done.code).toBe(1)
  expect(JSON.parse(done.stdout).problems).toMatchObject([{ code: 'FILE_MISSING' }, { code: 'FILE_ADDED' }])
})

test('the help says which exit code means what', async () => {
  const { code, stdout } = await runCli(['verify', '--help'])
  expect(code).toBe(0)
  expect(stdout).toContain('0 whole, 1 tampered, 2 incomplete')
})
