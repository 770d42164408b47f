import { expect, test } from 'vitest'
import { launchOf } from '../../src/distributed/launcher.ts'

test.each([
  ['nothing', {}, undefined],
  ["Open MPI's mpirun", { OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '4' }, [1, 4, 'Open MPI']],
  ["MPICH's mpiexec", { PMI_RANK: '2', PMI_SIZE: '3', MPI_LOCALRANKID: '0' }, [2, 3, 'MPICH']],
  [
    'srun with PMIx',
    { SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: '2', SLURM_MPI_TYPE: 'pmix' },
    [0, 2, 'Open MPI', 'MPICH'],
  ],
  [
    'srun with PMI-2',
    { SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '2', SLURM_MPI_TYPE: 'pmi2', PMI_RANK: '1', PMI_SIZE: '2' },
    [1, 2, 'MPICH', 'Open MPI'],
  ],
  ['a script of sbatch, which is no rank', { SLURM_PROCID: '0', SLURM_NTASKS: '4' }, undefined],
  [
    'Hydra, whose proxies srun has started, one a node',
    {
      PMI_RANK: '3',
      PMI_SIZE: '4',
      MPI_LOCALRANKID: '1',
      SLURM_PROCID: '1',
      SLURM_STEP_NUM_TASKS: '2',
      SLURM_MPI_TYPE: 'none',
    },
    [3, 4, 'MPICH'],
  ],
] as const)('%s', (_, environment, expected) => {
  const launch = launchOf(environment)
  expect(launch && [launch.rank, launch.size, ...launch.families]).toEqual(expected)
})
