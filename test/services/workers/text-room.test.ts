import { expect, test } from 'vitest'
import { createTextRoom } from '../../../services/workers/text-room.ts'

const never = new AbortController().signal

test('what is held at once is never more than the room, and those who wait are let in as they asked', async () => {
  const room = createTextRoom(10)
  const order: string[] = []
  const enter = async (name: string, characters: number) => {
    const leave = await room.enter(characters, never)
    order.push(name)
    return leave
  }
  const leaveSix = await enter('six', 6)
  const five = enter('five', 5)
  const two = enter('two', 2)
  await settle()
  expect(order).toEqual(['six'])
  leaveSix()
  leaveSix()
  const leaveFive = await five
  await two
  expect(order).toEqual(['six', 'five', 'two'])
  const nine = enter('nine', 9)
  leaveFive()
  await settle()
  expect(order).toHaveLength(3)
  ;(await two)()
  await nine
})

test('a text larger than the room is let in alone', async () => {
  const room = createTextRoom(10)
  const leave = await room.enter(1, never)
  const large = room.enter(1_000, never)
  await settle()
  leave()
  const leaveLarge = await large
  let isIn = false
  const small = room.enter(1, never).then(() => {
    isIn = true
  })
  await settle()
  expect(isIn).toBe(false)
  leaveLarge()
  await small
})

test('who gives up while waiting holds nobody up', async () => {
  const room = createTextRoom(10)
  const leave = await room.enter(10, never)
  const stopping = new AbortController()
  const gone = room.enter(10, stopping.signal)
  const next = room.enter(10, never)
  stopping.abort(new Error('gone'))
  await expect(gone).rejects.toThrow('gone')
  leave()
  await next
  await expect(room.enter(1, AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
})

/** As many turns as the promises in between need. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}
