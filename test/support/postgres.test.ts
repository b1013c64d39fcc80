import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { testDatabase } from './postgres.ts'

test('every caller gets an empty database of its own, and its plain role enters no other', async () => {
  const [one, two] = await Promise.all([testDatabase(), testDatabase()])
  onTestFinished(async () => void (await Promise.all([one.close(), two.close()])))
  await query(one.ownerUrl, 'CREATE TABLE mine (a int)')
  expect(await query(two.ownerUrl, `SELECT to_regclass('mine') AS mine`)).toEqual([{ mine: null }])
  const stranger = new URL(two.ownerUrl)
  stranger.username = new URL(one.serviceUrl).username
  stranger.password = new URL(one.serviceUrl).password
  await expect(query(stranger.href, 'SELECT 1')).rejects.toThrow('permission denied for database')
  expect(await query(one.serviceUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  await one.close()
  await expect(query(one.ownerUrl, 'SELECT 1')).rejects.toThrow('does not exist')
})

async function query(connectionString: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString })
  try {
    await client.connect()
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}
