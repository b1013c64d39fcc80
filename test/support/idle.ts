// Somebody else's process, for tests that must leave it alone: listens on a free port, says `ready <port>`, and answers nobody until it is killed.
import { createServer } from 'node:net'

const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  process.stdout.write(`ready ${address.port}\n`)
})
