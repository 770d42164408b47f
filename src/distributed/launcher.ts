/** MPI libraries come in two kinds that cannot talk to each other; Intel MPI, MVAPICH and Cray's are of MPICH's. */
export type Family = 'Open MPI' | 'MPICH'

/** What a launcher tells a process that it starts as a rank. */
export interface Launch {
  launcher: string
  rank: number
  /** number of ranks */
  size: number
  /** the kinds of MPI library that the launcher can serve, the likelier one first */
  families: readonly Family[]
}

type Environment = Readonly<Record<string, string | undefined>>

/** How this process was started: undefined without a launcher. Nothing is loaded to find out. */
export function launchOf(environment: Environment): Launch | undefined {
  const { SLURM_MPI_TYPE: slurm = '' } = environment
  const number = (name: string): number | undefined => {
    const text = environment[name]
    return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
  }
  const launch = (launcher: string, names: readonly [string, string], ...families: Family[]): Launch | undefined => {
    const [rank, size] = names.map(number)
    return rank === undefined || size === undefined ? undefined : { launcher, rank, size, families }
  }
  // Hydra says where on its host a rank is. srun sets PMI_RANK too for --mpi=pmi2, whatever the library.
  const ofSlurm: Family[] = slurm.startsWith('pmi2') ? ['MPICH', 'Open MPI'] : ['Open MPI', 'MPICH']
  const isHydra = environment.MPI_LOCALRANKID !== undefined || slurm === ''
  return (
    launch("Open MPI's mpirun", ['OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'], 'Open MPI') ??
    (isHydra ? launch("MPICH's mpiexec", ['PMI_RANK', 'PMI_SIZE'], 'MPICH') : undefined) ??
    // only steps of srun have STEP_NUM_TASKS; a script of sbatch, which is no rank, has the other variables too
    launch('srun', ['SLURM_PROCID', 'SLURM_STEP_NUM_TASKS'], ...ofSlurm)
  )
}
