import { type Claim, claimsOf } from '../../../shared/policy/explain.ts'
import { type Processor, type ProcessorRegister, reachOn, subprocessorsOn } from '../../../shared/policy/register.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printTable } from '../print/table.ts'
import { clean } from '../print/text.ts'

/** `greffier processors list`: who is in the register. */
export function listProcessors({ output }: CommandContext, register: ProcessorRegister, day: string): ExitCode {
  output.value({ notice: register.notice, processors: register.processors.map((processor) => headOf(processor, day)) })
  const rows = register.processors.map((processor) => {
    const { key, name, deployment, country, reach, regions } = headOf(processor, day)
    return [key, clean(name), deployment, country ?? 'unknown', reach, regions.join(', ') || '-']
  })
  printTable(output, ['processor', 'name', 'deployment', 'entity', 'reach', 'regions'], rows)
  output.line(output.paint('dim', register.notice))
  return EXIT.ok
}

/** `greffier processors show KEY`: every fact of one entry with its source, its day and its confidence. */
export function showProcessor({ output }: CommandContext, register: ProcessorRegister, key: string, day: string): ExitCode {
  const processor = register.processors.find((entry) => entry.key === key)
  if (!processor) throw new CliError('PROCESSOR_NOT_FOUND', `the register holds no ${clean(key)}`, EXIT.missing)
  output.value(processor)
  output.line(`${output.paint('bold', clean(processor.name))}  (${processor.key})`)
  output.line(`reach of foreign law: ${reachOn(processor, day)}. ${clean(processor.reach.reason)}\n`)
  const claims = claimsOf({ ...register, processors: [processor] }, day)
  printTable(
    output,
    ['fact', 'value', 'confidence', 'read on', 'source'],
    claims.map((claim) => [
      clean(claim.fact),
      clean(statedValue(processor, claim.fact)),
      claim.confidence,
      claim.read_on,
      clean(claim.source),
    ]),
  )
  return EXIT.ok
}

/** `greffier processors matrix [--markdown]`: the register as one table, to put into a decision paper. */
export function printMatrix({ output }: CommandContext, register: ProcessorRegister, markdown: boolean, day: string): ExitCode {
  const head = ['Provider', 'Contracting entity', 'Parents', 'Reach of foreign law', 'Regions', 'Retention', 'Training', 'Subprocessors']
  const rows = register.processors.map((processor) => matrixRow(processor, day))
  output.value({ notice: register.notice, columns: head, rows })
  if (!markdown) {
    printTable(output, head, rows)
  } else {
    for (const cells of [head, head.map(() => '---'), ...rows])
      output.line(`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
  }
  output.line(markdown ? `\n${register.notice}` : output.paint('dim', register.notice))
  return EXIT.ok
}

/** `greffier processors check [--days N]`: facts that nobody has verified, or that were read longer ago. */
export function checkProcessors({ output }: CommandContext, register: ProcessorRegister, daysMax: number, day: string): ExitCode {
  const claims = claimsOf(register, day)
  const why = ({ age_days, confidence }: Claim) => [
    ...(age_days > daysMax ? [`read ${age_days} days ago`] : []),
    ...(confidence === 'verified' ? [] : [confidence]),
  ]
  const open = claims.map((claim) => ({ ...claim, why: why(claim) })).filter((claim) => claim.why.length > 0)
  output.value({ claims: claims.length, open })
  printTable(
    output,
    ['processor', 'fact', 'what is wrong', 'source'],
    open.map((claim) => [claim.processor, clean(claim.fact), claim.why.join(', '), clean(claim.source)]),
  )
  output.line(output.paint('dim', `${open.length} of ${claims.length} claims; the others were verified in the last ${daysMax} days`))
  return EXIT.ok
}

function headOf(processor: Processor, day: string) {
  const { key, name, deployment, legal_entity, endpoints } = processor
  const regions = endpoints.map(({ region }) => region)
  return { key, name, deployment, entity: legal_entity.entity, country: legal_entity.country, reach: reachOn(processor, day), regions }
}

function matrixRow(processor: Processor, day: string): string[] {
  const { name, legal_entity, parents, endpoints, retention, training, subprocessors } = processor
  return [
    clean(name),
    company(legal_entity),
    parents.map(company).join('; ') || '-',
    reachOn(processor, day),
    endpoints.map(({ region }) => region).join(', ') || '-',
    retention.days === null ? 'unknown' : `${retention.days} days`,
    training.use,
    subprocessors.read ? subprocessorsOn(processor, day).map(company).join('; ') || 'none' : 'list not read',
  ]
}

function company({ entity, country }: { entity: string; country: string | null }): string {
  return clean(`${entity} (${country ?? 'unknown'})`)
}

/** What the entry says of a fact that `claimsOf` names. */
function statedValue(processor: Processor, fact: string): string {
  const { legal_entity, parents, endpoints, subprocessors, dpa, transfer, retention, training } = processor
  const companies = [
    ...parents.map((one) => [`parent ${one.entity}`, one] as const),
    ...subprocessors.list.map((one) => [`subprocessor ${one.entity}`, one] as const),
  ]
  const values: Record<string, string> = {
    'contracting entity': company(legal_entity),
    subprocessors: subprocessors.read ? `${subprocessors.list.length} on the list` : 'list not read',
    'data processing agreement': dpa.reference ?? 'not read',
    transfer: transfer.mechanism,
    retention: retention.days === null ? 'unknown' : `${retention.days} days`,
    'use for training': training.use,
    'reach of foreign law': processor.reach.grade,
    ...Object.fromEntries(companies.map(([name, one]) => [name, one.country ?? 'unknown'])),
    ...Object.fromEntries(endpoints.map((endpoint) => [`endpoint ${endpoint.region}`, endpoint.base_url])),
  }
  return values[fact] ?? 'stated'
}
