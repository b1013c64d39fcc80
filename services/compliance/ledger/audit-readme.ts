import type { RuleFile } from '../../../shared/contracts/rule-files.ts'

/** `unknown`: files that the events name and whose bytes nobody kept. */
interface AuditedBundle {
  origin: string
  size: number
  from: number
  to: number
  unknown: readonly RuleFile[]
  /** Of how many events each comes with a proof of its own. */
  provenEventsMax: number
}

/** What stands beside the files of a bundle, for an auditor who has never heard of this system. */
export function auditReadme({ origin, size, from, to, unknown, provenEventsMax }: AuditedBundle): string {
  return `# Audit bundle of the log ${origin}

This folder holds the processing events ${from === to ? '(none)' : `number ${from} to ${to - 1}`} of a log of ${size} events, one event a line in \`events.jsonl\`.

Check it without network and server, with the log's verifier key that you got from another source than this folder:

    greffier verify FOLDER --vkey KEY [--known-checkpoint FILE]

Exit code 0: whole. 1: tampered; it says which event and how. 2: incomplete; something that the check needs is not there.

## What a whole bundle proves

- Every byte of every file is as the holder of the log's key signed it (\`bundle.note\`).
- The events are exactly those that the log holds from the first to the last number, in their order: none was changed, moved, added or left out in between.
- The log has only grown since each earlier checkpoint in \`consistency/\`, and since yours if you give it with \`--known-checkpoint\`.
- Keys were exchanged only by statements that the old and the new key signed (\`rotations/\`).
${proofsOf(to - from, provenEventsMax)}

## Registers and rules

- \`register.json\` is the register of processing activities of Art. 30(1) GDPR, of what is done as a controller; \`register-as-processor.json\` that of Art. 30(2), of what is done for others. Both say what is declared, what this log shows, and where the two differ.
- \`activities.yaml\` is what is declared, \`processors.yaml\` the register of processors (\`processors.json\` the same for programs), \`policy.yaml\` the policy: as they were in force at the export.
- Events name the files under which they were written and decided by the SHA-256 of their bytes, in hexadecimal: \`register_hash\` the activities, \`recipient.register_hash\` the register of processors, \`policy.hash\` the policy. \`rules/\` holds every version that an event in this folder names, byte for byte, under that hash: \`activities-HASH.yaml\`, \`processors-HASH.yaml\`, \`policy-HASH.yaml\`.
- \`greffier verify\` compares these bytes with their names. Without it, \`sha256sum rules/*\` does, and \`jq -r '.policy.hash, .recipient.register_hash, .register_hash | values' events.jsonl | sort -u\` lists what the events name.
- \`recipient.subprocessor_set_hash\` says who stood behind a processor at a call: the SHA-256 of the canonical JSON (RFC 8785) of a list of \`{"country","entity"}\`, one for each entry of that processor's \`subprocessors.list\`, in the file of \`rules/\` that \`recipient.register_hash\` names, of which \`valid\` and \`known\` both cover the day of the call (\`from\` null or not after it, \`to\` null or after it), equal ones once, sorted by the JSON of each. The day is that of \`time\`, for an event with \`parent_events\` that of the event named there.
${unknownRules(unknown)}

## Names

No event names a file or a person. They lie in an annex of each document, which is erased with it, and which the operator's server shows to who says why (\`GET /v1/documents/{id}/record?annex=true\`, \`greffier record ID --annex\`). An annex that you are shown is the one of then if the SHA-256 of its salt (32 bytes, \`salt\` is their hexadecimal form) followed by the canonical JSON (RFC 8785) of everything else in it is \`annex_commit\` of the event of its upload here; \`greffier record\` compares it with the event that the server shows. After an erasure neither annex nor salt is left, and the commitment says nothing.

## What it does not prove

- That an event tells the truth, or that everything that happened was recorded. It proves what was recorded.
- When an event happened: times are those of the operator's clock. Events of the last moments before the export may not have been in the log yet.
- That the operator did not write the whole log anew. Who holds the key can; only a checkpoint that was kept elsewhere before shows it. Keep \`checkpoint\`.
- Anything about events outside this range.
- That \`activities.yaml\`, \`processors.yaml\` and \`policy.yaml\` were in force at other times than that of the export: what was in force for an event is the file in \`rules/\` that it names. The registers of Art. 30 compare the whole log with what is declared at the export.
- If the range was chosen by time, it may hold some events recorded a moment before or after: only a run without gaps can be proven to be complete.
`
}

function unknownRules(unknown: readonly RuleFile[]): string {
  if (unknown.length === 0) return '- None of them is missing.'
  const list = unknown.map(({ kind, hash }) => `  - ${kind} ${JSON.stringify(hash)}`)
  return [
    '- Missing are the following, of which this system does not have the bytes. Whoever hands you such a file has to hand over one with this SHA-256:',
    ...list,
  ].join('\n')
}

/** What a bundle has for whoever wants to hand on one event alone. */
function proofsOf(events: number, max: number): string {
  const proof = 'proves one event by itself (tlog-proof@v1), so that it can be handed on alone'
  if (events === 0) return '- Nothing of single events: this folder holds none.'
  if (events <= max) return `- Each file in \`proofs/\` ${proof}.`
  return `- Not one event by itself: a bundle of more than ${max} events has no \`proofs/\`. \`GET /v1/documents/{id}/proofs\` of the operator's server has them, document by document; each ${proof}.`
}
