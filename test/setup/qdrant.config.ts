import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

/** The search contract against a real server, which `npm test` cannot assume. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({ test: { include: ['test/shared/search/qdrant-real.contract.ts'] } }),
)
