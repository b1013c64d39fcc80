// Becomes the command that its arguments are, under the same process id and with the same streams: `become.ts nice -n 5 node main.ts`.
process.execve?.('/usr/bin/env', ['env', ...process.argv.slice(2)])
