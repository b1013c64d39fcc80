import { z } from 'zod'
import { AppError } from '../../../shared/contracts/errors.ts'
import { type RuleFile, RuleKind } from '../../../shared/contracts/rule-files.ts'

/** Of one bundle: each is up to three files. A file of rules is edited by hand, and takes effect with a start. */
const COMBINATIONS_MAX = 10_000
/** What names a file, as it stands in the canonical text of an event; within a value every quote has a backslash before it. */
const NAMES = /"(?:register_)?hash":"[^"]*"/g
/** Older events have fewer members. */
const Naming = z.object({
  policy: z.object({ hash: z.string() }).nullish(),
  recipient: z.object({ register_hash: z.string() }).nullish(),
  register_hash: z.string().nullish(),
})

/**
 * The files of rules that events name, collected while their texts pass. Most events name what the one before them named: only one with hashes that were not
 * seen together yet is parsed. The same bytes are never files of two kinds.
 */
export class NamedRules {
  readonly #combinations = new Set<string>()
  readonly #rules = new Map<string, RuleFile>()

  /** Throws INTERNAL for events that name more than a bundle can enclose. */
  hear(body: string): void {
    const combination = body.match(NAMES)?.join()
    if (combination === undefined || this.#combinations.has(combination)) return
    if (this.#combinations.size >= COMBINATIONS_MAX)
      throw new AppError('INTERNAL', 'the events name more files of rules than a bundle encloses; a shorter period names fewer')
    this.#combinations.add(combination)
    for (const rule of namedBy(body)) this.#rules.set(`${rule.kind} ${rule.hash}`, rule)
  }

  sorted(): RuleFile[] {
    return [...this.#rules].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, rule]) => rule)
  }
}

function namedBy(body: string): RuleFile[] {
  const { success, data } = Naming.safeParse(readJson(body))
  if (!success) return []
  const named = {
    policy: data.policy?.hash,
    processors: data.recipient?.register_hash,
    activities: data.register_hash,
  } satisfies Record<RuleKind, unknown>
  return RuleKind.options.flatMap((kind) => (named[kind] == null ? [] : [{ kind, hash: named[kind] }]))
}

/** Nothing for what is no JSON: somebody changed it in the database, and whoever checks the bundle is told which event that is. */
function readJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
