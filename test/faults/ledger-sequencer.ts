// Takes events into the logs as the compliance service does, until it is killed. Arguments: SERVICE_URL MASTER_KEY_HEX
import { startLedger } from '../../services/compliance/run.ts'
import { openDatabase } from '../../shared/database/connection.ts'
import { createTenants } from '../../shared/database/tenants.ts'
import { readConfig } from '../../shared/runtime/config.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { createMetrics } from '../../shared/runtime/metrics.ts'
import { unheard } from '../support/pools.ts'

const [serviceUrl = '', masterKey = ''] = process.argv.slice(2)
const database = openDatabase(serviceUrl, unheard)
const tenants = createTenants(database, Buffer.from(masterKey, 'hex'))
startLedger({ database, tenants, log: createLog('warn', 'sequencer'), metrics: createMetrics() }, readConfig({}))
process.stdout.write('runs\n')
