// The real binary with a home of its own.
import { spawn, execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export class Gateway {
  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), 'loadlock-tus-'))
    writeFileSync(join(this.dir, 'loadlock.toml'), '')
    this.env = { PATH: process.env.PATH, LOADLOCK_HOME: join(this.dir, 'home'), LOADLOCK_CONFIG: join(this.dir, 'loadlock.toml') }
    const issued = execFileSync(process.env.LOADLOCK, ['token', 'issue', '--subject', 'tus', '--tenant', 'acme', '--scope', 'read,write', '--json'], { env: this.env, cwd: this.dir })
    this.token = JSON.parse(issued).token
    this.listen = '127.0.0.1:0'
  }

  async start() {
    this.child = spawn(process.env.LOADLOCK, ['serve', '--json', '--listen', this.listen], { env: this.env, cwd: this.dir, stdio: ['ignore', 'pipe', 'ignore'] })
    const lines = createInterface({ input: this.child.stdout })
    for await (const line of lines) {
      this.listen = JSON.parse(line).address
      break
    }
    this.url = `http://${this.listen}/v1/tus`
    this.headers = { Authorization: `Bearer ${this.token}` }
  }

  // SIGKILL; `start` comes back at the same address.
  async kill() {
    const ended = new Promise((done) => this.child.once('exit', done))
    this.child.kill('SIGKILL')
    await ended
  }

  // Whether the local provider holds these bytes. What it is still receiving lies beside `objects` and goes while one looks.
  holds(content) {
    const folder = join(this.env.LOADLOCK_HOME, 'providers', 'local', 'objects')
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    return files.some((entry) => readFileSync(join(entry.parentPath, entry.name)).equals(content))
  }

  async remove() {
    await this.kill()
    rmSync(this.dir, { recursive: true })
  }
}
