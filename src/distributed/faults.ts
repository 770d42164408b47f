/** Another rank failed and says so itself: this one ends without a word. */
export class PeerFailedError extends Error {
  override name = 'PeerFailedError'
}

/** A rank did not come to where the others wait for it. */
export class RankTimeoutError extends Error {
  override name = 'RankTimeoutError'
}

/** A rank of this host, or the launcher, is gone without having said why. */
export class LostRankError extends Error {
  override name = 'LostRankError'
}
