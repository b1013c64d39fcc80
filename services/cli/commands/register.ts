import { writeFile } from 'node:fs/promises'
import type { Activities } from '../../../shared/policy/activities.ts'
import type { Drift, RegisterEntry, RegisterFormat, RegisterReport, RegisterView } from '../../../shared/policy/register-report.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { printTable } from '../print/table.ts'
import { clean } from '../print/text.ts'

interface Question {
  view: RegisterView
  from?: string | undefined
  to?: string | undefined
}

interface Choices {
  format?: RegisterFormat | undefined
  out?: string | undefined
  drift: boolean
  strict: boolean
}

/** `greffier register [--processor] [--from --to] [--drift] [--format F] [--out FILE] [--strict]`: what is done with personal data, declared and observed. */
export async function register(context: CommandContext, question: Question, { format, out, drift, strict }: Choices): Promise<ExitCode> {
  const { output } = context
  const client = await connect(context)
  const report = await client.register({ ...question })
  output.value(report)
  const file = format !== undefined || out !== undefined ? await client.registerFile({ ...question, format: format ?? 'json' }) : null
  if (file !== null && out !== undefined) {
    await writeFile(out, file)
    output.line(`The register is in ${clean(out)}.`)
  } else if (file !== null) {
    output.line(file.toString('utf8').trimEnd())
  } else {
    printRegister(output, report, drift)
  }
  return strict && report.drifts > 0 ? EXIT.expectationFailed : EXIT.ok
}

/** `greffier register check FILE`: whether a file of activities can be loaded. What is wrong is thrown by whoever loads it. */
export function checkActivities({ output }: CommandContext, { activities }: Activities, hash: string): ExitCode {
  output.value({ activities: activities.map(({ id }) => id), register_hash: hash })
  printTable(
    output,
    ['activity', 'role', 'purposes'],
    activities.map(({ id, role, purposes }) => [id, role, purposes.join(', ')]),
  )
  output.line(output.paint('dim', `${activitiesText(activities.length)}; events will name the file as ${hash}`))
  return EXIT.ok
}

function printRegister(output: Output, report: RegisterReport, driftAlone: boolean): void {
  if (!driftAlone) {
    const rows = report.activities.map(activityRow)
    printTable(output, ['activity', 'basis', 'data', 'recipients', 'countries', 'documents', 'drift'], rows)
    for (const { controller, activities } of report.by_controller)
      output.line(`for ${clean(controller.name)} (${clean(controller.contact)}): ${activities.join(', ')}`)
    output.line()
  }
  for (const entry of report.activities) printDrift(output, entry)
  const { controller, view, drifts } = report
  const period = report.from === null && report.to === null ? '' : `, ${report.from ?? 'the beginning'} to ${report.to ?? 'today'}`
  output.line(
    `${output.paint('bold', clean(controller.name))} as ${view}${period}: ${activitiesText(report.activities.length)}, ${drifts === 0 ? 'no drift' : output.paint('yellow', `${drifts} to look into`)}`,
  )
  for (const note of [report.notice, ...report.notes]) output.line(output.paint('dim', `· ${clean(note)}`))
}

/** What is declared; what is not, and was seen, has a plus. */
function activityRow(entry: RegisterEntry): string[] {
  const { fields } = entry
  const both = (declared: readonly string[] | null, seen: readonly string[]) =>
    [...(declared ?? []), ...seen.filter((name) => !declared?.includes(name)).map((name) => `+${name}`)].map(clean).join(' ') || '-'
  const names = (seen: readonly { name: string }[]) => [...new Set(seen.map(({ name }) => name))]
  return [
    clean(entry.id ?? `(undeclared) ${entry.name}`),
    [fields.legal_basis.declared, fields.art9_basis.declared].filter((basis) => basis !== null).join(' ') || '-',
    both(fields.data_categories.declared, names(fields.data_categories.observed)),
    both(fields.recipients.declared, names(fields.recipients.observed)),
    both(fields.third_countries.declared?.map(({ country }) => country) ?? null, names(fields.third_countries.observed)),
    String(entry.documents_live),
    String(driftsOf(entry).filter(({ severity }) => severity === 'drift').length),
  ]
}

function printDrift(output: Output, entry: RegisterEntry): void {
  const drifts = driftsOf(entry)
  if (drifts.length === 0) return
  output.line(output.paint('bold', clean(entry.name)))
  for (const { severity, text } of drifts)
    output.line(severity === 'drift' ? `  ${output.paint('yellow', '!')} ${clean(text)}` : output.paint('dim', `  · ${clean(text)}`))
}

function driftsOf({ fields }: RegisterEntry): Drift[] {
  const drifts = Object.values(fields).flatMap(({ drift }) => drift)
  return [...drifts.filter(({ severity }) => severity === 'drift'), ...drifts.filter(({ severity }) => severity === 'note')]
}

function activitiesText(count: number): string {
  return `${count} ${count === 1 ? 'activity' : 'activities'}`
}
