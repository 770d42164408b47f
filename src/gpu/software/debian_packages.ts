import { existsSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolders } from '../../util/files/folder.ts'
import { said } from './program.ts'

/** A release of Debian or Ubuntu. */
export interface Release {
  id: 'debian' | 'ubuntu'
  /** e.g. 'bookworm' */
  codename: string
}

/** Reads /etc/os-release. Undefined for any other system, and for a Debian without a codename. */
export function releaseOf(text: string): Release | undefined {
  const field = (name: string): string | undefined => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1]
  const id = field('ID')
  const codename = field('VERSION_CODENAME')
  return (id === 'debian' || id === 'ubuntu') && codename ? { id, codename } : undefined
}

/** A package with all that it depends on, as apt chooses them. */
interface Chosen {
  file: string // NAME_VERSION_ARCHITECTURE.deb
  bytes: number
}

/**
 * Packages and all that they depend on, whatever is installed: apt works in a folder of its own, on a system without any package, so it
 * needs no root. It takes them from the mirrors that this system names, and checks the archive's signature as ever.
 */
export class Packages {
  private readonly folder: string
  private readonly install: readonly string[]
  private readonly chosen: readonly Chosen[]

  private constructor(folder: string, install: readonly string[], chosen: readonly Chosen[]) {
    this.folder = folder
    this.install = install
    this.chosen = chosen
  }

  /** Fetches the lists of packages. Newer versions in Debian's backports win, unless `newest` is false. Throws Error with what apt says. */
  static async open(
    release: Release,
    folder: string,
    names: readonly string[],
    { newest = true } = {},
  ): Promise<Packages> {
    for (const path of ['lists/partial', 'cache/archives/partial']) makeFolders(join(folder, path))
    await writeFile(join(folder, 'status'), '')
    await writeFile(join(folder, 'apt.conf'), configurationIn(folder))
    const sources = await sourcesOf(release)
    const backports = `${release.codename}-backports`
    const own = sources.find(({ suite }) => suite === release.codename)
    if (!own) throw new Error(`apt knows no mirror of ${release.codename}`)
    const hasBackports = newest && release.id === 'debian'
    const offers = hasBackports ? [[...sources, { ...own, suite: backports }], sources] : [sources]
    for (const [i, offer] of offers.entries()) {
      await writeFile(join(folder, 'sources.list'), offer.map(source => lineOf(source, release)).join(''))
      try {
        await apt(folder, 'update', '-qq')
      } catch (error) {
        if (i < offers.length - 1) continue // a release without backports
        throw error
      }
      const target = offer.some(({ suite }) => suite === backports) ? ['--target-release', backports] : []
      const install = ['install', '-y', '-qq', '--no-install-recommends', ...target, ...names]
      return new Packages(folder, install, chosenIn(await apt(folder, ...install, '--print-uris')))
    }
    throw new Error('apt has no sources')
  }

  /** e.g. '25.0.7-2~bpo12+1' */
  versionOf(name: string): string {
    const file = this.chosen.find(each => each.file.startsWith(`${name}_`))?.file
    if (file === undefined) throw new Error(`apt finds no package ${name}`)
    return decodeURIComponent(file.split('_')[1]!).replace(/^\d+:/, '')
  }

  get megabytes(): number {
    return Math.round(this.chosen.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6)
  }

  /** Fetches and unpacks all into a folder, as below the root of a system. */
  async unpack(folder: string): Promise<void> {
    await apt(this.folder, ...this.install, '--download-only')
    const archives = join(this.folder, 'cache/archives')
    for (const name of await readdir(archives))
      if (name.endsWith('.deb')) await said('dpkg-deb', ['-x', join(archives, name), folder])
  }
}

interface Source {
  uri: string
  suite: string
  components: string[]
}

/** The archives of this release among apt's sources; those of other vendors are left out. */
async function sourcesOf({ id, codename }: Release): Promise<Source[]> {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)'
  const lines = await said('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'])
  const wanted = id === 'debian' ? ['main'] : ['main', 'universe']
  const sources = new Map<string, Source>()
  for (const [uri, suite, component] of lines
    .trim()
    .split('\n')
    .map(line => line.split(' '))) {
    const isOwn = suite === codename || suite === `${codename}-updates` || suite === `${codename}-security`
    if (!uri || !isOwn || !wanted.includes(component!)) continue
    const key = `${uri} ${suite}`
    const { components } = sources.get(key) ?? { components: [] }
    sources.set(key, { uri, suite: suite!, components: [...new Set([...components, component!])] })
  }
  return [...sources.values()]
}

function lineOf({ uri, suite, components }: Source, { id }: Release): string {
  const keyring = `/usr/share/keyrings/${id}-archive-keyring.gpg`
  const signed = existsSync(keyring) ? `[signed-by=${keyring}] ` : ''
  return `deb ${signed}${uri} ${suite} ${components.join(' ')}\n`
}

/** The settings of the system, such as a proxy, hold too. */
function configurationIn(folder: string): string {
  return [
    `Dir::State::Lists "${folder}/lists";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}/cache";`,
    `Dir::Etc::SourceList "${folder}/sources.list";`,
    'Dir::Etc::SourceParts "/dev/null";',
    'Debug::NoLocking "true";',
    'APT::Sandbox::User "";',
    'APT::Update::Error-Mode "any";',
    '',
  ].join('\n')
}

/** Lines are `'URI' FILE BYTES HASH`. */
function chosenIn(uris: string): Chosen[] {
  return [...uris.matchAll(/^'[^']*' (\S+\.deb) (\d+)/gm)].map(([, file, bytes]) => ({
    file: file!,
    bytes: Number(bytes),
  }))
}

function apt(folder: string, ...words: string[]): Promise<string> {
  return said('apt-get', words, { APT_CONFIG: join(folder, 'apt.conf') })
}
