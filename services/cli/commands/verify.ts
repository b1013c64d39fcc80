import { stat } from 'node:fs/promises'
import { openLeafHashing } from '../../../shared/blobs/leaf-hashing.ts'
import { type BundleVerdict, checkBundle } from '../../../shared/ledger/bundle-check.ts'
import { peekCheckpoint } from '../../../shared/ledger/checkpoint.ts'
import { LedgerError } from '../../../shared/ledger/ledger-error.ts'
import { verifierOf } from '../../../shared/ledger/note-keys.ts'
import type { BundleStatus } from '../../../shared/ledger/verdict.ts'
import { openBundleFolder } from '../bundle-folder.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { readSmallFile } from '../local-file.ts'
import type { Output } from '../output.ts'
import { clean, countText } from '../print/text.ts'
import { createProgressBar } from '../progress.ts'

/** Problems that are told one by one; --json tells more. */
const PROBLEMS_SHOWN_MAX = 20
const EXIT_OF = { whole: EXIT.ok, tampered: EXIT.tampered, incomplete: EXIT.incomplete } as const satisfies Record<BundleStatus, ExitCode>

interface Pins {
  vkey: string
  knownCheckpoint?: string | undefined
}

/** `greffier verify BUNDLE --vkey K [--known-checkpoint C]`: reads files and nothing else. Whatever keeps it from judging exits with neither 0, 1 nor 2. */
export async function verify(
  { output, stderr, interrupted }: Pick<CommandContext, 'output' | 'stderr' | 'interrupted'>,
  folder: string,
  pins: Pins,
): Promise<ExitCode> {
  const vkey = await readKey(pins.vkey)
  const knownCheckpoint = pins.knownCheckpoint === undefined ? undefined : await readKnown(pins.knownCheckpoint, vkey)
  await checkFolder(folder)
  const bar = createProgressBar(stderr, 'verify')
  const hashing = openLeafHashing()
  let bytes = 0
  try {
    const source = await openBundleFolder(folder, (chunkBytes) => {
      if (interrupted.aborted) throw interrupted.reason
      bytes += chunkBytes
      bar.update(Math.min(99, (100 * bytes) / Math.max(source.bytes, 1)), '')
    })
    const verdict = await checkBundle(source, { vkey, ...(knownCheckpoint === undefined ? {} : { knownCheckpoint }) }, hashing.primitives)
    bar.finish(verdict.status)
    output.value(verdict)
    print(output, verdict, knownCheckpoint !== undefined)
    return EXIT_OF[verdict.status]
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError('CHECK_FAILED', `the check could not be done: ${reasonOf(error)}`, EXIT.software, { cause: error })
  } finally {
    bar.stop()
    await hashing.close()
  }
}

function print(output: Output, verdict: BundleVerdict, known: boolean): void {
  const { status, origin, size, from, to, events, root, problems, more } = verdict
  const paint = ({ whole: 'green', tampered: 'red', incomplete: 'yellow' } as const)[status]
  const range = from === null || to === null || from === to ? 'no events' : `events ${from} to ${to - 1}`
  output.line(`${output.paint(paint, status)}: ${range} of the log ${clean(origin)}`)
  if (size !== null && root !== null)
    output.line(`signed: ${countText(size, 'event')}, root ${root}; read here: ${countText(events, 'event')}`)
  for (const { code, path, what } of problems.slice(0, PROBLEMS_SHOWN_MAX)) output.line(`  ${code}  ${clean(path)}: ${clean(what)}`)
  const untold = Math.max(problems.length - PROBLEMS_SHOWN_MAX, 0) + more
  if (untold > 0) output.line(`  and ${countText(untold, 'further problem')}`)
  if (status === 'whole' && known) output.line('the log has only grown since the known checkpoint')
  if (status === 'whole' && !known)
    output.line('no earlier checkpoint was given: whether the holder of the key wrote the whole log anew, this does not show')
}

async function readKey(given: string): Promise<string> {
  const isKey = /^[^+\s]+\+[0-9a-f]{8}\+[^\s]+$/.test(given)
  const vkey = isKey ? given : (await readSmallFile(given)).trim()
  try {
    verifierOf(vkey)
    return vkey
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause
    throw new CliError(cause.code, `--vkey is no verifier key: ${cause.detail}`, EXIT.usage, { cause })
  }
}

/** A file that is no checkpoint, or one of another log, says nothing about the bundle. */
async function readKnown(path: string, vkey: string): Promise<string> {
  const note = await readSmallFile(path)
  try {
    const { origin } = peekCheckpoint(note)
    if (origin !== verifierOf(vkey).name) throw new LedgerError('ORIGIN_WRONG', 'it is of another log than the key')
    return note
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause
    throw new CliError(cause.code, `--known-checkpoint cannot be used: ${cause.detail}`, EXIT.usage, { cause })
  }
}

async function checkFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((cause: unknown) => {
    throw new CliError('FILE_NOT_FOUND', 'there is no such bundle', EXIT.missing, { cause })
  })
  if (!found.isDirectory()) throw new CliError('FILE_UNREADABLE', 'a bundle is a folder; unpack the archive first (tar -xf)', EXIT.missing)
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code)
  return error instanceof Error ? error.message : String(error)
}
