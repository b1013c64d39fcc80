import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ErasureCertificate } from '../../../shared/contracts/erasure-certificate.ts'
import { verifyKeyChain } from '../../../shared/ledger/key-rotation.ts'
import { LedgerError } from '../../../shared/ledger/ledger-error.ts'
import { NOTE_BYTES_MAX, openNote } from '../../../shared/ledger/note.ts'
import { verifierOf } from '../../../shared/ledger/note-keys.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { alignRows } from '../print/table.ts'
import { countText } from '../print/text.ts'
import { statusText } from './erasures.ts'

/** Notes of keys that followed each other come with the answer. */
const FILE_BYTES_MAX = 16 * NOTE_BYTES_MAX

/** Of the answer of `GET /v1/erasures/:id/certificate` what counts; the rest of it is repeated from the note. */
const Answer = z.looseObject({ note: z.string(), rotations: z.array(z.string()) })

/**
 * `greffier erasures check FILE --vkey KEY`: the signature by the pinned key, or by one that it leads to or from, without a server. Everything that is said of the
 * certificate is read from what was signed. Fails with 1 where it is not whole, as `greffier verify` does.
 */
export async function checkCertificate({ output }: CommandContext, path: string, vkey: string): Promise<ExitCode> {
  const { note, rotations } = await readAnswer(path)
  const { certificate, signer } = open(note, rotations, vkey)
  const hash = createHash('sha256').update(note).digest('hex')
  output.value({ valid: true, signed_by: signer, hash, certificate })
  output.line(
    `${output.paint('green', 'whole')}: ${statusText(certificate.status)}, ${countText(certificate.documents.length, 'document')} erased`,
  )
  const facts = [
    ['request', certificate.erasure_id],
    ['issued', certificate.issued_at],
    ['signed by', signer],
    ['SHA-256', hash],
  ]
  for (const line of alignRows(facts)) output.line(`  ${line}`)
  output.line(output.paint('dim', 'when it was issued is shown by the log: it holds an event with this hash'))
  return EXIT.ok
}

function open(note: string, rotations: readonly string[], vkey: string) {
  try {
    const { keys } = verifyKeyChain(vkey, rotations, verifierOf(vkey).name)
    const opened = openNote(
      note,
      keys.map(({ verifier }) => verifier),
    )
    const signer = keys.find(({ verifier }) => opened.signers.includes(verifier))?.vkey ?? vkey
    const parsed = ErasureCertificate.safeParse(JSON.parse(opened.text))
    if (parsed.success) return { certificate: parsed.data, signer }
    throw new CliError('CERTIFICATE_INVALID', 'what was signed is no certificate of erasure', EXIT.unexpected)
  } catch (error) {
    if (error instanceof LedgerError) throw new CliError('CERTIFICATE_INVALID', error.message, EXIT.unexpected, { cause: error })
    if (error instanceof SyntaxError)
      throw new CliError('CERTIFICATE_INVALID', 'what was signed is no certificate of erasure', EXIT.unexpected, { cause: error })
    throw error
  }
}

async function readAnswer(path: string): Promise<{ note: string; rotations: string[] }> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new CliError('FILE_UNREADABLE', 'the file cannot be read', EXIT.missing, { cause })
  }
  if (text.length > FILE_BYTES_MAX) throw new CliError('FILE_INVALID', 'the file is larger than any certificate', EXIT.rejected)
  if (text.includes('\n\n— ')) return { note: text, rotations: [] }
  try {
    return Answer.parse(JSON.parse(text))
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error
    throw new CliError('FILE_INVALID', 'the file is neither a certificate as JSON nor a signed note', EXIT.rejected)
  }
}
