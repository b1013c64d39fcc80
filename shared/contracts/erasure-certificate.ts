import { z } from 'zod'
import { ErasureGround, ErasureScope, HoldReason } from './erasure.ts'
import { LeafProof } from './event-proofs.ts'

const Time = z.iso.datetime()

/**
 * What somebody or something still holds. `until` null: nobody knows an end. `provider`: by the event, else by the register of processors.
 * `store`: it deletes softly, and keeps bytes until it compacts or is rebuilt. `hold`: the erasure was refused.
 */
const Residual = z.strictObject({ holder: z.enum(['provider', 'backup', 'store', 'hold']), name: z.string(), until: Time.nullable() })
export type Residual = z.infer<typeof Residual>

/** `complete`: nothing remains. `residual_until`: what remains has an end, the last of which is `until`. `logical_only`: something remains without one. */
const CertificateStatus = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('complete') }),
  z.strictObject({ state: z.literal('residual_until'), until: Time }),
  z.strictObject({ state: z.literal('logical_only') }),
])
export type CertificateStatus = z.infer<typeof CertificateStatus>

/** `logical_at`: no read found it any more. `physical_at`: its bytes were gone or no key opens them; null where the store deletes softly and was not rebuilt since. */
const StoreReport = z.strictObject({
  store: z.string(),
  kind: z.string(),
  method: z.string(),
  count: z.int(),
  probe: z.strictObject({ remaining: z.int() }),
  logical_at: Time,
  physical_at: Time.nullable(),
})

/** Strings, integers, lists and null only: it is signed as canonical JSON (RFC 8785), and names no person. */
export const ErasureCertificate = z.strictObject({
  schema: z.literal('greffier.erasure-certificate/1'),
  erasure_id: z.uuid(),
  controller_ref: z.uuid(),
  ground: ErasureGround.nullable(),
  retention_rule: z.string().nullable(),
  scope: ErasureScope,
  received_at: Time,
  due_at: Time,
  issued_at: Time,
  status: CertificateStatus,
  documents: z.array(z.uuid()),
  stores: z.array(StoreReport),
  /** A document's key has the name of its document. */
  destroyed_keys: z.array(z.string()),
  /** Whom the documents were disclosed to, and who is to be told of the erasure (Art. 19). */
  notices: z.array(
    z.strictObject({ processor: z.string(), endpoint: z.string(), region: z.string(), operations: z.int(), last_sent_at: Time }),
  ),
  residuals: z.array(Residual),
  refusals: z.array(z.strictObject({ document_id: z.uuid(), reason: HoldReason, hold_until: Time.nullable() })),
  /** What stays on purpose. */
  kept: z.array(z.string()),
})
export type ErasureCertificate = z.infer<typeof ErasureCertificate>

/** `note` is what counts: the certificate's canonical JSON as a signed note (C2SP). `hash` is SHA-256 over it, and stands in the record, in `event_id`. */
export const IssuedCertificate = z.strictObject({
  certificate: ErasureCertificate,
  note: z.string(),
  hash: z.string(),
  event_id: z.uuid(),
})
export type IssuedCertificate = z.infer<typeof IssuedCertificate>

/**
 * With what checks it. `vkey` signed this note, and is to be compared with a key of the tenant's log that came another way; where the log's key was
 * exchanged since, `rotations` lead from it to the one that signs now. A key that was exchanged may have been stolen afterwards: then the event
 * in the log decides. `logged`: that event and its proof; null: the log has not taken it in yet, which it does within a second or two.
 */
export const CertificateAnswer = z.strictObject({
  ...IssuedCertificate.shape,
  vkey: z.string(),
  rotations: z.array(z.string()),
  logged: LeafProof.nullable(),
  check: z.string(),
})
export type CertificateAnswer = z.infer<typeof CertificateAnswer>
