import { Argument, type Command, Option } from 'commander'
import { z } from 'zod'
import { Purpose } from '../../shared/contracts/document.ts'
import { ErasureGround, HoldReason, RestrictionGround } from '../../shared/contracts/erasure.ts'
import { Uuid } from '../../shared/contracts/ids.ts'
import { parseTime, parseWith } from './arguments.ts'
import { checkCertificate } from './commands/certificate-check.ts'
import { createErasure, extendErasure, fetchCertificate, listErasures, showErasure } from './commands/erasures.ts'
import { addHold, listHolds, removeHold, restrict, unrestrict } from './commands/holds.ts'
import { confirmClock, retentionPlan } from './commands/retention.ts'
import type { Add, Run } from './policy-commands.ts'

const PAGE_MAX = 100

const uuid = parseWith(Uuid, 'not an id')
const pageSize = parseWith(z.coerce.number().int().min(1).max(PAGE_MAX), 'not a page size')
const erasureId = () => new Argument('<id>', 'the id of a request for erasure').argParser(uuid)
const documentId = () => new Argument('<id>', 'the id of a document').argParser(uuid)

export function addErasures(erasures: Command, add: Add, run: Run): void {
  add('create', 'ask for the erasure of documents, by id, by person or by filter', erasures)
    .addOption(new Option('--ground <ground>', 'of Art. 17(1)').choices(ErasureGround.options).makeOptionMandatory())
    .option('--document <id>', 'this one; may be given several times', (text, before: string[]) => [...before, uuid(text)], [])
    .option('--subject <id>', 'every document that names the person with this id here', uuid)
    .option(
      '--person <file>',
      'every document that names a person: JSON such as {"email":"…"}, or - for stdin; identifiers are no arguments, which others can list',
    )
    .option('--purpose <purpose>', 'documents of this purpose', parseWith(Purpose, 'not a purpose'))
    .option('--type <type>', 'documents of this type')
    .option('--created-before <time>', 'documents that came before then', parseTime)
    .option('--received-at <time>', 'when the person asked, if not now', parseTime)
    .action(({ json, ...asked }) => run({ json }, (context) => createErasure(context, asked)))
  add('list', 'list the requests, newest first', erasures)
    .option('--limit <requests>', 'requests on a page', pageSize)
    .option('--cursor <cursor>', 'go on where the last page ended')
    .action(({ json, limit, cursor }) => run({ json }, (context) => listErasures(context, { limit, cursor })))
  add('show', 'show one request: its term, its state, what was refused', erasures)
    .addArgument(erasureId())
    .action((id: string, options) => run(options, (context) => showErasure(context, id)))
  add('extend', 'extend the term by two months, once (Art. 12(3))', erasures)
    .addArgument(erasureId())
    .requiredOption('--reason <text>', 'why it is necessary; sealed')
    .action((id: string, options) => run(options, (context) => extendErasure(context, id, options.reason)))
  add('certificate', 'fetch the certificate of an erasure that is done', erasures)
    .addArgument(erasureId())
    .option('--pdf <file>', 'write the page that people read')
    .option('--out <file>', 'write the signed certificate, for `erasures check`')
    .action((id: string, { json, pdf, out }) => run({ json }, (context) => fetchCertificate(context, id, { pdf, out })))
  add('check', 'check a certificate, without a server', erasures)
    .argument('<file>', 'what `erasures certificate --out` wrote, or a note alone')
    .requiredOption('--vkey <key>', 'the key of the log that you pinned')
    .action((file: string, { json, vkey }) => run({ json, offline: true }, (context) => checkCertificate(context, file, vkey)))
}

export function addHolds(holds: Command, add: Add, run: Run): void {
  add('add', 'keep a document from being erased', holds)
    .addArgument(documentId())
    .addOption(new Option('--reason <reason>', 'of Art. 17(3)').choices(HoldReason.options).makeOptionMandatory())
    .option('--text <text>', 'in words; sealed under the document’s key')
    .option('--until <time>', 'when it ends by itself', parseTime)
    .action((id: string, { json, reason, text, until }) =>
      run({ json }, (context) => addHold(context, id, { reason, text, until: until ?? null })),
    )
  add('remove', 'lift a hold', holds)
    .addArgument(documentId())
    .action((id: string, options) => run(options, (context) => removeHold(context, id)))
  add('list', 'list the holds that stand', holds)
    .option('--limit <holds>', 'holds on a page', pageSize)
    .option('--cursor <cursor>', 'go on where the last page ended')
    .action(({ json, limit, cursor }) => run({ json }, (context) => listHolds(context, { limit, cursor })))
}

export function addRestrictions(add: Add, run: Run): void {
  const grounds = RestrictionGround.options.filter((ground) => ground !== 'hold')
  add('restrict', 'store a document and do nothing else with it (GDPR Art. 18)')
    .addArgument(documentId())
    .addOption(new Option('--ground <ground>', 'of Art. 18(1)').choices(grounds).makeOptionMandatory())
    .action((id: string, options) => run(options, (context) => restrict(context, id, options.ground)))
  add('unrestrict', 'lift a restriction; tell the person before (Art. 18(3))')
    .addArgument(documentId())
    .action((id: string, options) => run(options, (context) => unrestrict(context, id)))
}

export function addRetention(retention: Command, add: Add, run: Run): void {
  add('plan', 'what would be erased, by which rule, and what is kept from it', retention)
    .option('--at <time>', 'at this time instead of now', parseTime)
    .action(({ json, at }) => run({ json }, (context) => retentionPlan(context, at)))
  add('confirm-clock', 'vouch for the server’s clock by the clock of this machine', retention).action((options) =>
    run(options, (context) => confirmClock(context, new Date())),
  )
}
