import { z } from 'zod'
import { DataCategory, SubjectCategory } from './classification.ts'
import { Cost } from './cost.ts'
import { Sensitivity } from './document.ts'
import { MaskKind } from './masking.ts'
import { Task } from './task.ts'

/** Of Art. 4(2), named as in the Data Privacy Vocabulary. */
export const Operation = z.enum([
  'Collect',
  'Analyse',
  'Derive',
  'Infer',
  'Transmit',
  'Store',
  'Retrieve',
  'Pseudonymise',
  'Alter',
  'Restrict',
  'Erase',
])

/** Art. 6(1), named as the Data Privacy Vocabulary's extension for the GDPR does. */
export const LegalBasis = z.enum(['A6-1-a', 'A6-1-b', 'A6-1-c', 'A6-1-d', 'A6-1-e', 'A6-1-f'])
export type LegalBasis = z.infer<typeof LegalBasis>

/** Art. 9(2). */
export const Art9Basis = z.enum(['A9-2-a', 'A9-2-b', 'A9-2-c', 'A9-2-d', 'A9-2-e', 'A9-2-f', 'A9-2-g', 'A9-2-h', 'A9-2-i', 'A9-2-j'])
export type Art9Basis = z.infer<typeof Art9Basis>

/**
 * One processing operation (GDPR Art. 5(2), Art. 30; AI Act Art. 12): a leaf of the tenant's log. It holds no direct identifier:
 * names and file names live in the document's annex, which erasure destroys. Only strings, integers, booleans, lists and null: a canonical
 * form (RFC 8785) needs no floating point.
 */
export const ProcessingEvent = z.strictObject({
  schema: z.literal('greffier.event/1'),
  event_id: z.uuid(),
  time: z.iso.datetime(),
  /** The tenant, whose log it is: the data controller (Art. 30(1)(a)), or a processor whose activity names the controllers (Art. 30(2)(a)). */
  controller_ref: z.uuid(),
  role: z.enum(['controller', 'processor']),
  /** Null where the operation concerns several documents or none: `hits` then names them. */
  doc_ref: z.uuid().nullable(),
  revision: z.int().nullable(),
  /** HMAC-SHA-256 of the content's hash under a random key of the document: after erasure it says nothing about the content. */
  content_commit: z.string().nullable(),
  /**
   * What the document's annex said when this operation wrote it: SHA-256 (hex) over 32 random bytes of salt and then the canonical form (RFC 8785) of the
   * `Annex` below. The salt lies in the annex and is destroyed with it: after that no guess of a name can be tried on this. Null: the operation wrote no annex
   * (a further revision keeps the one that the document came with), or the event is older. `checkAnnex` (shared/ledger/annex-commitment.ts) compares.
   */
  annex_commit: z.string().nullable().default(null),
  parent_events: z.array(z.uuid()),
  operation: Operation,
  /** The step of the pipeline or the request that did it: upload, extract, enrich, index, done, erase, content, text, search, answer. */
  step: z.string(),
  purpose: z.string().nullable(),
  /**
   * The activity of the Art. 30 register that the purpose belongs to, and on what the controller bases it; null with a `register_hash`: that register, whose
   * file has this SHA-256 (hex), declares no such purpose.
   */
  activity_ref: z.string().nullable().default(null),
  register_hash: z.string().nullable().default(null),
  legal_basis: LegalBasis.nullable().default(null),
  art9_basis: Art9Basis.nullable().default(null),
  /** A request of a data subject or an erasure, an export, a review: what the operation was done for. */
  request_ref: z.uuid().nullable().default(null),
  /** Why somebody looked: SHA-256 over salt and text, both kept where they can be deleted. */
  justification_commit: z.string().nullable().default(null),
  sensitivity: Sensitivity.nullable(),
  /** Art. 9 and Art. 10. Null where the operation concerns no single document. */
  special: z.boolean().nullable(),
  criminal: z.boolean().nullable(),
  /** What the data says of whom, as far as it is known when the event is written (Art. 30(1)(c)). */
  data_categories: z.array(DataCategory).default([]),
  subject_categories: z.array(SubjectCategory).default([]),
  provenance: z.enum(['provided', 'observed', 'derived']).nullable(),
  recipient: z
    .strictObject({
      processor: z.string(),
      endpoint: z.string(),
      region: z.string(),
      /** SHA-256 (hex) of the file of the register by which it was called: the version of everything that was known of the processor. */
      register_hash: z.string(),
      /**
       * Who stood behind the processor, as that register knew it on the day of the call: the same over versions of the register that only say more of the same
       * companies. SHA-256 (hex) over the canonical form (RFC 8785) of a list of `{"country": …, "entity": …}`, one for each entry of the processor's
       * `subprocessors.list` whose `valid` and `known` both cover the day (`from` is null, before it or on it; `to` is null or after it), equal ones once,
       * in the order of their own canonical forms by UTF-16 code units. The day is that of the event's `time` (UTC), and of an event with `parent_events` that of its
       * intent's; a call that was decided as a day ended may have been written on the next. Nobody, also where the register does not hold the processor, is
       * the empty list. Whether the list was `read` and what operators declare of servers of their own is not in it. Null: the event is older.
       * Made by `subprocessorSetHash` (shared/ledger/subprocessor-set.ts), which needs the register's file and nothing else.
       */
      subprocessor_set_hash: z.string().nullable().default(null),
    })
    .nullable(),
  /** To a country outside the EEA, and what allows that (Art. 44 to 49). */
  transfer: z.strictObject({ country: z.string(), importer: z.string(), mechanism: z.string() }).nullable().default(null),
  /** How long the recipient keeps what it was sent: `until` where that has an end. */
  provider_retention: z.strictObject({ mode: z.string(), until: z.iso.datetime().nullable() }).nullable().default(null),
  policy: z
    .strictObject({
      hash: z.string(),
      rule: z.string().nullable(),
      outcome: z.enum(['allowed', 'refused']),
      failed: z.array(z.strictObject({ requirement: z.string(), found: z.string() })),
    })
    .nullable(),
  model: z
    .strictObject({
      task: Task,
      requested: z.string(),
      returned: z.string().nullable(),
      language_model: z.boolean(),
      tokens_in: z.int().nullable(),
      /** Of `tokens_in`, those that the provider read from its cache. */
      tokens_cached: z.int().nullable().default(null),
      tokens_out: z.int().nullable(),
      provider_request_id: z.string().nullable(),
      /** SHA-256 of the schema that the answer had to fit; null where there is none. */
      schema_hash: z.string().nullable().default(null),
      /**
       * HMAC-SHA-256 of what the model was handed, after masking, under the key of each document in it (of a question under one of the tenant); null: nothing
       * was handed to a model.
       */
      prompt_hmac: z.string().nullable().default(null),
      /** Null: nobody knows its price. `rate_micro_eur`: millionths of a euro for one unit of the price's currency. */
      cost: Cost.nullable(),
    })
    .nullable(),
  /**
   * What was replaced before the call (Art. 5(1)(c), 32): how many of each kind the text held, and how many were found in what was sent; of an intent
   * none is counted yet. `recogniser`: who was shown the text unmasked to say where names stand in it, a server of the controller's own (`endpoint` is its
   * origin, `entity` who runs it by its declaration); null: nobody was.
   */
  minimisation: z
    .strictObject({
      before: z.partialRecord(MaskKind, z.int()),
      after: z.partialRecord(MaskKind, z.int()),
      method: z.literal('placeholders'),
      recogniser: z.strictObject({ endpoint: z.string(), entity: z.string() }).nullable().default(null),
    })
    .nullable()
    .default(null),
  ai_generated: z.boolean(),
  /** How what was generated is marked as such for machines (AI Act Art. 50(2)). */
  marking: z.string().nullable().default(null),
  /** What a person made of it (Art. 22; AI Act Art. 14). */
  human: z.strictObject({ reviewed: z.boolean(), outcome: z.string() }).nullable().default(null),
  /** The rule that erases it, from when, and whether a hold stands against that (Art. 5(1)(e), 30(1)(f)). */
  retention: z.strictObject({ rule: z.string(), erase_after: z.iso.datetime().nullable(), hold: z.boolean() }).nullable().default(null),
  /** SHA-256 over what the operation made: a certificate, a package, a bundle. */
  output_hash: z.string().nullable().default(null),
  hits: z.array(z.strictObject({ doc_ref: z.uuid(), revision: z.int(), page: z.int() })),
  /** Per store: what an erasure removed and what its probe found afterwards. */
  stores: z.array(z.strictObject({ store: z.string(), kind: z.string(), remaining: z.int() })),
  phase: z.enum(['intent', 'completed', 'refused', 'outcome_unknown']),
  result: z.enum(['ok', 'failed']).nullable(),
  error_code: z.string().nullable(),
  duration_ms: z.int().nullable(),
})
export type ProcessingEvent = z.infer<typeof ProcessingEvent>

/** What a caller says of an operation; the log adds identity and time, and everything left out is null, false or empty. */
export type EventDraft = Pick<ProcessingEvent, 'operation' | 'step' | 'phase'> &
  Partial<Omit<ProcessingEvent, 'schema' | 'event_id' | 'time' | 'controller_ref' | 'role'>>

/** An API key, and the name that somebody gave it: null where nobody knows it any more. */
const NamedKey = z.strictObject({ key_id: z.uuid(), name: z.string().nullable() })

/** By event: whose API key ordered it, or the request that it was done for. Not in it: what nobody ordered, uploads (their annex names the key), reads, searches and questions, of which it is not kept. */
export const OrderedBy = z.record(z.uuid(), NamedKey)
export type OrderedBy = z.infer<typeof OrderedBy>

/** What is kept beside a document under its key, and shown to who says why: exactly this is what `annex_commit` commits to. */
export const Annex = z.strictObject({
  file_name: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  /** The API key that uploaded it, by the name that it had then; null where that was not kept. */
  uploaded_by: NamedKey.nullable(),
})
export type Annex = z.infer<typeof Annex>

/** An annex with what its commitment needs besides: 32 bytes in hex, null in one that is older than commitments. */
export const SaltedAnnex = z.strictObject({
  ...Annex.shape,
  salt: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
})
export type SaltedAnnex = z.infer<typeof SaltedAnnex>

/** Null once the document is erased, and while it is restricted (Art. 18). */
export const AnnexView = SaltedAnnex.nullable()
export type AnnexView = z.infer<typeof AnnexView>

/** `complete`: false where older events were left out. `annex` and `ordered_by` only where they were asked for, with a justification. */
export const DocumentRecord = z.strictObject({
  document_id: z.uuid(),
  events: z.array(ProcessingEvent),
  complete: z.boolean(),
  annex: AnnexView.optional(),
  ordered_by: OrderedBy.optional(),
})
export type DocumentRecord = z.infer<typeof DocumentRecord>
