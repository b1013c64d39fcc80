// Pushes checkpoints as a service does, until it is killed. Arguments: SERVICE_URL WITNESS_URL
import { startCheckpointPush } from '../../../services/compliance/ledger/checkpoint-push.ts'
import { openCheckpointTargets } from '../../../services/compliance/ledger/checkpoint-targets.ts'
import { openDatabase } from '../../../shared/database/connection.ts'
import { readConfig } from '../../../shared/runtime/config.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import { createMetrics } from '../../../shared/runtime/metrics.ts'

const [serviceUrl = '', witnessUrl = ''] = process.argv.slice(2)
const database = openDatabase(serviceUrl, (error) => void process.stderr.write(`${error}\n`))
const { targets } = openCheckpointTargets(readConfig({ CHECKPOINT_URL: witnessUrl }))
startCheckpointPush({ database, targets, metrics: createMetrics(), log: createLog('info', 'pusher'), everyMs: 50 })
