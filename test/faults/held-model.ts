import { onTestFinished } from 'vitest'
import { startByteRelay } from '../support/byte-relay.ts'
import { startModelDouble } from '../support/model-double.ts'
import { providerConfig, registerWith } from '../support/provider-config.ts'

/** A model that hears a piece of a question only when `hold` has resolved for it. Returns the variables of services that ask it; it ends with the test. */
export async function heldModel(hold: (piece: string) => Promise<void>): Promise<Record<string, string>> {
  const double = await startModelDouble()
  onTestFinished(() => double.close())
  const relay = await startByteRelay(double.origin, hold)
  onTestFinished(() => relay.close())
  return { ...providerConfig(relay.baseUrl), PROCESSORS_FILE: registerWith(relay.baseUrl), PROVIDERS: 'mistral' }
}
