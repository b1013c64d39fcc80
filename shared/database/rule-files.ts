// The files that decide, by the hashes under which events name them. They are the operator's and hold nothing of a tenant: every tenant reads the same.
import { type RuleFile, RuleKind } from '../contracts/rule-files.ts'
import { type Database, reachable } from './connection.ts'

/**
 * Keeps the files that this process decides by; what is kept stays. To be called before anything is decided by them, so that no event names a hash whose
 * bytes are nowhere. PostgreSQL computes the hash from the bytes, so that none can stand under the hash of another.
 */
export async function keepRuleFiles(database: Database, files: Readonly<Record<RuleKind, Buffer>>): Promise<void> {
  const rows = RuleKind.options.map((kind) => ({ kind, bytes: files[kind] }))
  await reachable(() =>
    database
      .insertInto('rule_files')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute(),
  )
}

/** The bytes of one; null where no process ever kept them. */
export async function readRuleFile(database: Database, { kind, hash }: RuleFile): Promise<Buffer | null> {
  const query = database.selectFrom('rule_files').select('bytes').where('kind', '=', kind).where('hash', '=', hash)
  return (await reachable(() => query.executeTakeFirst()))?.bytes ?? null
}
