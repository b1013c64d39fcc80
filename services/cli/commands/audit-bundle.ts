import { peekCheckpoint } from '../../../shared/ledger/checkpoint.ts'
import { LedgerError } from '../../../shared/ledger/ledger-error.ts'
import { CliError } from '../cli-error.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { readSmallFile } from '../local-file.ts'
import { bytesText, clean, countText } from '../print/text.ts'
import { createProgressBoard } from '../progress.ts'
import { freeFolder, unpackBundle } from '../unpack.ts'

interface Choices {
  out: string
  from?: string | undefined
  to?: string | undefined
  knownCheckpoint?: string | undefined
}

/** `greffier audit-bundle --out DIR [--from --to] [--known-checkpoint FILE]`: the log with its proofs, in a folder of its own. */
export async function auditBundle(context: CommandContext, { out, from, to, knownCheckpoint }: Choices): Promise<ExitCode> {
  const { output, stderr, interrupted } = context
  await freeFolder(out)
  const known_size = knownCheckpoint === undefined ? undefined : String(sizeOf(await readSmallFile(knownCheckpoint)))
  const client = await connect(context)
  const board = createProgressBoard(stderr, 1)
  try {
    const line = board.add('audit bundle')
    line.update(0, 'asked for')
    let bytes = 0
    const archive = client.auditBundle({ from, to, known_size }, (chunkBytes) => {
      bytes += chunkBytes
    })
    const files = await unpackBundle(archive, out, {
      signal: interrupted,
      // The events come first, and are nearly all of it.
      progress: (file) => line.update(file.files > 1 ? 99 : (99 * file.bytesDone) / Math.max(file.bytes, 1), bytesText(bytes)),
    })
    line.finish(bytesText(bytes))
    output.value({ folder: out, files, bytes })
    output.line(`${countText(files, 'file')} in ${clean(out)}; its README.md says what they prove, and \`greffier verify\` checks them`)
    return EXIT.ok
  } finally {
    board.stop()
  }
}

function sizeOf(note: string): number {
  try {
    return peekCheckpoint(note).size
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause
    throw new CliError('CHECKPOINT_MALFORMED', `the known checkpoint is none: ${cause.detail}`, EXIT.rejected, { cause })
  }
}
