import { hostname } from 'node:os'
import type { Config } from '../config/schema.ts'
import type { Ranks } from '../distributed/ranks.ts'
import { type ListedAdapter, listAdapters } from '../gpu/adapter.ts'
import { deviceNodes } from '../gpu/device_nodes.ts'
import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'
import { wantedAdapter } from './open.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Variables that limit which GPUs of a vendor a process takes, by their positions among those of the vendor. */
const SELECTORS: readonly { name: string; vendor: string }[] = [
  { name: 'CUDA_VISIBLE_DEVICES', vendor: 'nvidia' },
  { name: 'HIP_VISIBLE_DEVICES', vendor: 'amd' },
  { name: 'ROCR_VISIBLE_DEVICES', vendor: 'amd' },
  { name: 'ONEAPI_DEVICE_SELECTOR', vendor: 'intel' },
  { name: 'ZE_AFFINITY_MASK', vendor: 'intel' },
]
/** Says which adapters `--gpus 0,1` names. */
export const CHOSEN_ADAPTERS = 'SADAAN_GPUS'

/** One adapter of the machine; several of one name have the same index, with which Dawn opens the first of them. */
export interface Slot {
  index: number
  name: string
  /** in lower case */
  vendor: string
  isSoftware: boolean
  isAmbiguous: boolean
}

type Listed = Pick<ListedAdapter, 'name' | 'software' | 'count' | 'info'>

/**
 * The adapters that ranks of a machine may take, in doctor's order: its GPUs, of those the ones that the environment selects; its software
 * adapters where it has no GPU. Throws InputError if a selection is none of them.
 */
export function slotsOf(adapters: readonly Listed[], environment: Environment): Slot[] {
  const hasGpu = adapters.some(({ software }) => !software)
  const chosen = environment[CHOSEN_ADAPTERS]
  const indexes = chosen ? positions(chosen, CHOSEN_ADAPTERS) : undefined
  for (const index of indexes ?? [])
    if (!adapters[index]) throw new InputError(`--gpus: there is no adapter ${index}; sadaan-gpu doctor lists them`)
  const takeable = adapters.flatMap(({ name, software: isSoftware, count, info }, index) => {
    const isTaken = indexes ? indexes.includes(index) : isSoftware !== hasGpu
    const slot: Slot = {
      ...{ index, name, isSoftware },
      vendor: info.vendor.toLowerCase(),
      isAmbiguous: count > 1 && !isSoftware,
    }
    return isTaken ? Array.from({ length: isSoftware ? 1 : count }, () => slot) : []
  })
  return SELECTORS.reduce((left, { name, vendor }) => {
    const selection = environment[name]
    const ofVendor = left.filter(slot => slot.vendor === vendor)
    if (selection === undefined || ofVendor.length === 0) return left
    return [...left.filter(slot => slot.vendor !== vendor), ...picked(ofVendor, selection, name)]
  }, takeable)
}

function picked<T>(from: readonly T[], selection: string, name: string): T[] {
  return positions(selection, name).map(position => {
    const one = from[position]
    if (one === undefined)
      throw new InputError(`${name}=${selection}: there is no GPU ${position}, expected positions below ${from.length}`)
    return one
  })
}

/** '0,2' or 'level_zero:0,2'. */
function positions(text: string, name: string): number[] {
  const list = text.split(':').at(-1)!.trim()
  if (list === '' || list === '*') return []
  const words = list.split(',').map(word => word.trim())
  if (!words.every(word => /^\d{1,3}$/.test(word)))
    throw new InputError(`${name}=${text}: ranks understand positions only, expected e.g. 0,1`)
  return words.map(Number)
}

/**
 * The adapter that this rank opens, as `Device.open` expects it: the one at its position among the ranks of its machine. Two ranks get the same only
 * with compute.share_adapters. All ranks call it.
 * @throws InputError if a machine has more ranks than adapters, or adapters that cannot be told apart
 */
export async function adapterOfRank(ranks: Ranks, config: Config): Promise<string | undefined> {
  if (ranks.size === 1) return wantedAdapter(config)
  const nodes = deviceNodes()
  const everyNodes = await ranks.gatherValues(nodes)
  const { host, localRank } = ranks.self
  const count = ranks.neighbours.length
  if (count === 1 && process.env[CHOSEN_ADAPTERS] === undefined) return wantedAdapter(config)
  const others = ranks.neighbours.filter(({ rank }) => rank !== ranks.rank).flatMap(({ rank }) => everyNodes[rank]!)
  const slots = slotsOf(await listAdapters(), process.env)
  return adapterAt(slots, config, { host, localRank, count, isBound: isBoundTo(slots, nodes, others) })
}

/**
 * Makes sure that `count` ranks, started on this machine in `environment`, get an adapter each.
 * @throws InputError as `adapterOfRank`
 */
export async function checkRanksFit(count: number, config: Config, environment: Environment): Promise<void> {
  const slots = slotsOf(await listAdapters(), environment)
  const host = hostname()
  for (let localRank = 0; localRank < count; localRank++)
    adapterAt(slots, config, { host, localRank, count, isBound: false })
}

function adapterAt(slots: readonly Slot[], config: Config, place: Omit<Place, 'isShared'>): string {
  const { host, count } = place
  const wanted = wantedAdapter(config)
  const { share_adapters: isShared } = config.compute
  if (wanted === undefined) return String(assigned(slots, { ...place, isShared }).index)
  if (isShared) return wanted
  throw new InputError(
    `compute.adapter is one adapter, for ${count} ranks on ${host}: expected None, or compute.share_adapters=True`,
  )
}

/** Whether a scheduler has bound this rank to one GPU: it sees no other, and no other rank can open its device file. */
function isBoundTo(slots: readonly Slot[], nodes: readonly string[], others: readonly string[]): boolean {
  // NVIDIA's driver works through files of its own; the others' files of its GPUs may be left open to all
  const pattern = slots[0]?.vendor === 'nvidia' ? /nvidia/ : /renderD/
  const own = nodes.filter(node => pattern.test(node))
  return slots.length === 1 && own.length > 0 && !own.some(node => others.includes(node))
}

/** Where a rank is: one of `count` on its machine. */
interface Place {
  host: string
  localRank: number
  count: number
  isShared: boolean
  isBound: boolean
}

/** Throws InputError as `adapterOfRank`. */
export function assigned(slots: readonly Slot[], { host, localRank, count, isShared, isBound }: Place): Slot {
  if (slots.length === 0) throw new InputError(`${host}: no adapter is left for ${count} ranks`)
  if (isShared) return slots[localRank % slots.length]!
  const isSoftware = slots.every(slot => slot.isSoftware)
  if (isBound && !isSoftware) return slots[0]!
  const names = listed(slots.map(({ name }) => name))
  if (slots.length < count || (isSoftware && count > 1))
    throw new InputError(
      `${count} ranks on ${host}, but ${isSoftware ? 'software adapters only' : `${slots.length} adapters`} (${names}): start fewer, or let ranks share with compute.share_adapters=True`,
    )
  const slot = slots[localRank]!
  if (!slot.isAmbiguous) return slot
  throw new InputError(
    `${host} has several adapters named ${slot.name}, which ranks cannot tell apart: bind each rank to one (Slurm: --gpus-per-task=1 --gpu-bind=single:1; Kubernetes: one GPU a pod)`,
  )
}
