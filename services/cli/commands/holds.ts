import type { HoldReason, RestrictionGround } from '../../../shared/contracts/erasure.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printTable } from '../print/table.ts'

/** `greffier hold add ID --reason 17-3-e [--text TEXT] [--until TIME]`. */
export async function addHold(
  context: CommandContext,
  id: string,
  hold: { reason: HoldReason; text?: string | undefined; until: string | null },
): Promise<ExitCode> {
  const { output } = context
  const placed = await (await connect(context)).rights.hold(id, hold)
  output.value(placed)
  output.line(`${id}  held by ${placed.reason}${placed.until === null ? '' : ` until ${placed.until}`}`)
  return EXIT.ok
}

/** `greffier hold remove ID`. A restriction that a refused erasure left stays. */
export async function removeHold(context: CommandContext, id: string): Promise<ExitCode> {
  const { output } = context
  await (await connect(context)).rights.unhold(id)
  output.value({ document_id: id, held: false })
  output.line(`${id}  held no more; where an erasure was refused for it, it is still restricted: greffier unrestrict ${id}`)
  return EXIT.ok
}

/** `greffier hold list`. */
export async function listHolds(
  context: CommandContext,
  page: { limit?: number | undefined; cursor?: string | undefined },
): Promise<ExitCode> {
  const { output } = context
  const list = await (await connect(context)).rights.holds(page)
  output.value(list)
  if (list.holds.length === 0) output.line('No hold stands.')
  else {
    const rows = list.holds.map(({ document_id, reason, since, until }) => [document_id, reason, since.slice(0, 10), until ?? 'no end'])
    printTable(output, ['document', 'reason', 'since', 'until'], rows)
  }
  if (list.next_cursor !== null) output.line(output.paint('dim', `more: greffier hold list --cursor ${list.next_cursor}`))
  return EXIT.ok
}

/** `greffier restrict ID --ground 18-1-a`. */
export async function restrict(context: CommandContext, id: string, ground: RestrictionGround): Promise<ExitCode> {
  const { output } = context
  const view = await (await connect(context)).rights.restrict(id, ground)
  output.value(view)
  output.line(`${id}  restricted by ${view.ground} since ${view.since}: stored, and nothing else`)
  return EXIT.ok
}

/** `greffier unrestrict ID`. */
export async function unrestrict(context: CommandContext, id: string): Promise<ExitCode> {
  const { output } = context
  await (await connect(context)).rights.unrestrict(id)
  output.value({ document_id: id, restricted: false })
  output.line(`${id}  restricted no more`)
  return EXIT.ok
}
