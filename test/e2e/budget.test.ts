import { expect, test } from 'vitest'
import { startGreffier } from '../support/greffier.ts'
import { startModelDouble } from '../support/model-double.ts'
import { providerConfig, registerWith } from '../support/provider-config.ts'
import { waitUntil } from '../support/wait.ts'

test('a tenant’s calls end with its day’s budget: what would go beyond waits for tomorrow, uses up no start, and other tenants go on', async () => {
  const double = await startModelDouble()
  const greffier = await startGreffier({
    ...providerConfig(double.baseUrl),
    PROCESSORS_FILE: registerWith(double.baseUrl),
    PROVIDERS_EMBED: [{ name: 'builtin', model: null }],
    BUDGET_TOKENS_PER_DAY: 2_000,
  })
  const letter = (name: string) => `The letter ${name} is about lighthouses and their keepers.\n`.repeat(40)
  const first = await greffier.upload(letter('one'), { file_name: 'one.txt' })
  expect((await greffier.settled(first.document_id)).status).toBe('completed')

  const second = await greffier.upload(letter('two'), { file_name: 'two.txt' })
  const waiting = async () =>
    greffier.rows<{ starts: number; hours: number }>(
      `SELECT s.starts, extract(epoch FROM o.due_at - now()) / 3600 AS hours FROM stages s JOIN outbox o USING (document_id, stage)
       WHERE document_id = $1 AND status = 'pending' AND error_code = 'BUDGET_EXHAUSTED'`,
      [second.document_id],
    )
  await waitUntil(async () => (await waiting()).length > 0, 'the stage to be put back')
  const [put] = await waiting()
  expect(put?.starts).toBe(0)
  expect(Number(put?.hours)).toBeLessThanOrEqual(24)
  const [spent] = await greffier.rows<{ tokens: string }>('SELECT tokens FROM budget_days')
  expect(Number(spent?.tokens)).toBeGreaterThan(500)
  expect(Number(spent?.tokens)).toBeLessThanOrEqual(2_000)

  const other = await greffier.addTenant()
  const uploaded = await fetch(`${greffier.url}/v1/documents?file_name=three.txt`, {
    method: 'POST',
    body: letter('three'),
    headers: { authorization: `Bearer ${other.apiKey}` },
  }).then((response) => response.json() as Promise<{ document_id: string }>)
  await waitUntil(async () => {
    const [row] = await greffier.rows<{ status: string }>('SELECT status FROM documents WHERE id = $1', [uploaded.document_id])
    return row?.status === 'completed'
  }, 'the other tenant’s document')
  await greffier.close()
  await double.close()
})
