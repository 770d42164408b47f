/** How a run stands, as its record says; `DEAD`: the record says RUNNING, but its heart stopped; `BROKEN`: the record cannot be read. */
export type RunStatus = 'RUNNING' | 'COMPLETED' | 'INTERRUPTED' | 'FAILED' | 'TIMEOUT' | 'QUEUED' | 'DEAD' | 'BROKEN'
