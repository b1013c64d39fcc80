import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup/servers.ts'],
    pool: 'forks',
    execArgv: ['--disable-warning=ExperimentalWarning'],
    maxWorkers: 2,
    // A crowded machine is slow, and that is no failure: what waits in a test names what it waits for, and gives up before this.
    testTimeout: 180_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    allowOnly: false,
  },
})
