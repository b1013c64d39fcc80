// A program that owns an embedded server, for tests that kill it: prints one JSON line when it is up, and stops cleanly on SIGTERM.
import { startEmbeddedPostgres } from '../../../shared/database/embedded.ts'

const dataDir = process.argv[2]
if (dataDir === undefined) throw new Error('usage: embedded-parent.ts <data folder>')
const server = await startEmbeddedPostgres({ dataDir, durable: true })
process.stdout.write(`${JSON.stringify({ ownerUrl: server.ownerUrl, pid: server.pid, port: server.port })}\n`)
process.once('SIGTERM', () => void server.stop())
