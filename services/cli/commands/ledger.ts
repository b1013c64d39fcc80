import { rename, writeFile } from 'node:fs/promises'
import { peekCheckpoint } from '../../../shared/ledger/checkpoint.ts'
import { LedgerError } from '../../../shared/ledger/ledger-error.ts'
import { CliError } from '../cli-error.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { clean, countText } from '../print/text.ts'

/** `greffier ledger checkpoint [--out FILE]`: the newest signed note, as it is: what an auditor keeps, to show later that the log was not rewritten. */
export async function showCheckpoint(context: CommandContext, out: string | undefined): Promise<ExitCode> {
  const { output } = context
  const note = await (await connect(context)).ledgerCheckpoint()
  const { origin, size } = headOf(note)
  if (out !== undefined) await writeWhole(out, note)
  output.value({ origin, size, checkpoint: note, file: out ?? null })
  if (out === undefined) for (const line of note.split('\n').slice(0, -1)) output.line(clean(line))
  else output.line(`${clean(out)}  the log ${clean(origin)} at ${countText(size, 'event')}`)
  return EXIT.ok
}

/** `greffier ledger key`: what to pin, from another place than the bundle that it is to check. */
export async function showLedgerKey(context: CommandContext): Promise<ExitCode> {
  const { output } = context
  const key = await (await connect(context)).ledgerKey()
  output.value(key)
  output.line(clean(key.vkey))
  output.line(output.paint('dim', `${exchanges(key.rotations.length)}; pin this key where this server cannot write`))
  return EXIT.ok
}

/** `greffier ledger rotate-key --yes`. */
export async function rotateLedgerKey(context: CommandContext, yes: boolean): Promise<ExitCode> {
  if (!yes) {
    const message = 'this destroys the key that signs the log and begins with a new one, which the old one signs for: say --yes'
    throw new CliError('USAGE', message, EXIT.usage)
  }
  const { output } = context
  const exchanged = await (await connect(context)).rotateLedgerKey()
  output.value(exchanged)
  output.line(clean(exchanged.vkey))
  output.line(
    output.paint('dim', 'the new key; who pinned the old one is led to it by the statement that every bundle carries from now on'),
  )
  return EXIT.ok
}

function exchanges(count: number): string {
  return count === 0 ? 'the first key of this log' : `the key after ${countText(count, 'exchange')}`
}

function headOf(note: string): { origin: string; size: number } {
  try {
    return peekCheckpoint(note)
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    throw new CliError('UNEXPECTED_ANSWER', 'the server answered something that is no checkpoint', EXIT.protocol, { cause: error })
  }
}

/** The file is there whole or not at all; one that was there is replaced. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.incoming`
  try {
    await writeFile(temporary, text)
    await rename(temporary, path)
  } catch (cause) {
    throw new CliError('FILE_UNWRITABLE', `${path}: the file cannot be written`, EXIT.missing, { cause })
  }
}
