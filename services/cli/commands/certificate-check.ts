import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ErasureCertificate } from '../../../shared/contracts/erasure-certificate.ts'
import { LeafProof } from '../../../shared/contracts/event-proofs.ts'
import { ProcessingEvent } from '../../../shared/contracts/record.ts'
import { toUtf8 } from '../../../shared/ledger/bytes.ts'
import { verifyKeyChain } from '../../../shared/ledger/key-rotation.ts'
import { LedgerError } from '../../../shared/ledger/ledger-error.ts'
import { NOTE_BYTES_MAX, type NoteVerifier, openNote } from '../../../shared/ledger/note.ts'
import { verifierOf } from '../../../shared/ledger/note-keys.ts'
import { verifyTlogProof } from '../../../shared/ledger/proof.ts'
import { TREE } from '../../../shared/ledger/tree-hash.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { alignRows } from '../print/table.ts'
import { countText } from '../print/text.ts'
import { statusText } from './erasures.ts'

/** Notes of keys that followed each other come with the answer. */
const FILE_BYTES_MAX = 16 * NOTE_BYTES_MAX

/** Of the answer of `GET /v1/erasures/:id/certificate` what counts; the rest of it is repeated from the note. */
const Answer = z.looseObject({ note: z.string(), rotations: z.array(z.string()), logged: LeafProof.nullable().default(null) })
type Answer = Pick<z.infer<typeof Answer>, 'note' | 'rotations' | 'logged'>

/**
 * `greffier erasures check FILE --vkey KEY`: the signature by the pinned key, or by one that it leads to or from, and that the log holds its hash, without a
 * server. Everything that is said of the certificate is read from what was signed. Fails with 1 where it is not whole, as `greffier verify` does.
 */
export async function checkCertificate({ output }: CommandContext, path: string, vkey: string): Promise<ExitCode> {
  const answer = await readAnswer(path)
  const hash = createHash('sha256').update(answer.note).digest('hex')
  const { certificate, signer, leaf } = open(answer, hash, vkey)
  output.value({ valid: true, signed_by: signer, hash, logged: leaf, certificate })
  output.line(
    `${output.paint('green', 'whole')}: ${statusText(certificate.status)}, ${countText(certificate.documents.length, 'document')} erased`,
  )
  const facts = [
    ['request', certificate.erasure_id],
    ['issued', certificate.issued_at],
    ['signed by', signer],
    ['SHA-256', hash],
    [
      'in the log',
      leaf === null ? 'not shown: the file has no proof of it' : `leaf ${leaf.index} of ${leaf.size}, recorded ${leaf.recorded_at}`,
    ],
  ]
  for (const line of alignRows(facts)) output.line(`  ${line}`)
  if (leaf === null) output.line(output.paint('dim', 'fetch the certificate again: the log takes it in within a second or two'))
  return EXIT.ok
}

function open({ note, rotations, logged }: Answer, hash: string, vkey: string) {
  try {
    const { keys } = verifyKeyChain(vkey, rotations, verifierOf(vkey).name)
    const verifiers = keys.map(({ verifier }) => verifier)
    const opened = openNote(note, verifiers)
    const signer = keys.find(({ verifier }) => opened.signers.includes(verifier))?.vkey ?? vkey
    const parsed = ErasureCertificate.safeParse(JSON.parse(opened.text))
    if (parsed.success) return { certificate: parsed.data, signer, leaf: logged && findInLog(logged, hash, verifiers) }
    throw new CliError('CERTIFICATE_INVALID', 'what was signed is no certificate of erasure', EXIT.unexpected)
  } catch (error) {
    if (error instanceof LedgerError) throw new CliError('CERTIFICATE_INVALID', error.message, EXIT.unexpected, { cause: error })
    if (error instanceof SyntaxError)
      throw new CliError('CERTIFICATE_INVALID', 'what was signed is no certificate of erasure', EXIT.unexpected, { cause: error })
    throw error
  }
}

/** Where the log says that this certificate was issued. Throws LedgerError, SyntaxError, and CERTIFICATE_INVALID where the event is another's. */
function findInLog({ event, proof }: LeafProof, hash: string, verifiers: readonly NoteVerifier[]) {
  const origin = verifiers[0]?.name ?? ''
  const { index, checkpoint } = verifyTlogProof(proof, { leafHash: TREE.leaf(toUtf8(event, 'PROOF_MALFORMED')), origin, verifiers })
  const { data } = ProcessingEvent.safeParse(JSON.parse(event))
  if (data?.step === 'certificate' && data.output_hash === hash) return { index, size: checkpoint.size, recorded_at: data.time }
  throw new CliError('CERTIFICATE_INVALID', 'the proof is that of another event', EXIT.unexpected)
}

async function readAnswer(path: string): Promise<Answer> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new CliError('FILE_UNREADABLE', 'the file cannot be read', EXIT.missing, { cause })
  }
  if (text.length > FILE_BYTES_MAX) throw new CliError('FILE_INVALID', 'the file is larger than any certificate', EXIT.rejected)
  if (text.includes('\n\n— ')) return { note: text, rotations: [], logged: null }
  try {
    return Answer.parse(JSON.parse(text))
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error
    throw new CliError('FILE_INVALID', 'the file is neither a certificate as JSON nor a signed note', EXIT.rejected)
  }
}
