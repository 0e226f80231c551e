/** Every bound of the system, with its unit in the name and its reason beside it. */
export const limits = {
  // requests
  bodyBytes: 1024 * 1024, // the classic contract: 413 above 1 MiB
  requestTimeoutMs: 30_000, // a client that sends its head, or its body, slower is cut off
  requestCheckMs: 5_000, // how often the server looks for those
  keepAliveTimeoutMs: 72_000, // above the 60 s of common load balancers, so that they close first
  requestsAhead: 100, // on one connection, before an answer; clients that do so send a few
  answersAtOnce: 64, // ready ones: of more, more survive a collection; fewer wake clients too soon
  longTurnMs: 50, // of the event loop: thousands of clients always have something to read
  longestTurnMs: 250, // no client is answered from then on, so that none can ask again in this turn
  stalledConnectionMs: 60_000, // a client that takes nothing of its answer this long is cut off
  slowRequestMs: 1_000, // requests slower than this are logged
  logLinesPerSecond: 500, // of one message: what all requests meet at once must not fill a disk
  compressedFromBytes: 1_000, // less fits into one packet as it is
  readyAnswerBytes: 32 * 1024 * 1024, // some 3,000 pages of 10 products
  idempotencyKeyCharacters: 255, // Stripe's bound; clients send UUIDs

  // PostgreSQL
  databaseConnections: 10, // on 2 cores 4 to 20 are as good, 40 are not (ADR 11)
  databaseWaiters: 2_000, // about a second of work in line for a connection; beyond: 503
  idleConnectionMs: 600_000, // a connection kept has its statements prepared
  connectionWaitMs: 900, // no connection came free for so long: 503 for all in line
  statementTimeoutMs: 8_000, // no request waits longer for one statement
  queryTimeoutMs: 10_000, // for a server that stopped answering: above the statement timeout
  lockTimeoutMs: 1_500, // a big batch on a slow machine holds one for 0.6 s: longer is stuck
  lockAgainMs: 200, // after one was waited for in vain; refuses who meets a slow batch just then
  idleTransactionTimeoutMs: 10_000, // frees the locks of a node that hangs
  transactionRetries: 3, // after a deadlock or serialization failure
  migrationLockMs: 1_000, // requests wait behind it: less than they wait for a lock themselves
  migrationPauseMs: 2_000, // in which they go on
  migrationTries: 200, // ten minutes: as long as a big backup takes
  preparedVariants: 100, // filter combinations of lists; rarer ones beyond go unprepared

  // Redis
  redisConnectMs: 1_000,
  redisCommandTimeoutMs: 100, // a slow Redis must cost less than asking PostgreSQL
  redisRestMs: 1_000, // after a command that took too long
  hintsWaiting: 10_000, // for the message before them to leave; beyond, the polls find them
  redisReconnectMs: 500, // the longest pause between two attempts

  // accounts
  passwordHashesAtOnce: 4, // 19 MiB each; two cores finish about 170 a second
  passwordHashesWaiting: 200, // about a second and a half of work; beyond: 503
  cachedSessions: 50_000, // about 200 bytes each
  endedSessions: 200_000, // 100 bytes each; 170 hashes/s × 20 s × nodes: what 50 of them can begin
  cachedTokens: 10_000, // verified tokens; the rest cost 6 microseconds each
  sessionPollMs: 400, // how often a node looks for revoked sessions: the bound is one second
  sessionTrustMs: 900, // what a node knows is used this long after it looked
  accountReasonCharacters: 500, // why somebody was put out: a sentence or two
  accountChangesShown: 20, // the latest ones
  prunedAtOnce: 5_000,
  prunePauseMs: 3_600_000, // how often expired sessions are removed
  sessionOverlapSeconds: 20, // revocations of slow transactions become visible late
  socketTicketSeconds: 30,
  securityLinesPerSecond: 100, // of each kind: both, twice, within logLinesPerSecond

  // catalog
  pageSize: 10,
  maxPageSize: 100,
  listCacheBytes: 64 * 1024 * 1024, // pages and product fragments together
  listTotalsBytes: 1024 * 1024, // how many products match: some 3,000 filters
  catalogPollMs: 400, // how often a node compares its cache with the database
  catalogIdleMs: 2_000, // a cache that nobody asks is not kept warm
  cacheTrustMs: 900, // a copy not confirmed for this long is read again: the bound is one second
  rowsSkipped: 200, // by a page of a list; one further on looks for a shorter way
  fragmentsCheckedAtOnce: 2_000, // recently used ones; the others are read again when used
  sharedPageSeconds: 60,
  searchCharacters: 200,
  searchSorted: 1_000, // so few matches are sorted at once; the first of more are found in order
  descriptionCharacters: 5_000, // bounds every answer that shows products

  // batches of carts, checkouts, steps and lists of orders
  batchStillMs: 2_000, // none has ended for so long, longer than a lock is waited for: 503
  waitingOfOneName: 100, // one of a batch: who sends more ahead would fill the queue for all

  // cart and checkout
  cartLines: 100,
  cartBatchCarts: 64, // full ones are 6,400 rows: some 25 ms in which nothing else is done
  cartQueueRequests: 4_000, // about a second of work; beyond: 503
  cartWaitMs: 5_000, // a request that waited longer is refused, not tried
  cartReadLanes: 3, // one backend would do all the reading; with pageLanes 4 of 10 are left
  orderLines: 100,
  lineQuantity: 10_000,
  pageBatchReads: 8, // larger ones save little, and hold up the event loop: 4 ms to shape these
  pageLanes: 3, // for changes 3 connections are needed, and one for logins and what is not cached
  pageQueueReads: 2_000, // about a second of work; beyond: 503
  pageWaitMs: 5_000, // a read that waited longer is refused, not tried
  orderTotalMinor: 999_999_999_999_999, // 15 digits: what a JSON number holds exactly
  checkoutBatchOrders: 256, // a transaction of this size takes about 20 ms
  checkoutQueueOrders: 2_000, // some 0.4 s of work, HTTP included; beyond: 503
  checkoutWaitMs: 5_000, // a checkout that waited longer is refused, not tried
  statusBatchSteps: 256, // as for checkouts: a step costs no more than an order
  statusQueueSteps: 4_000, // some seconds of work if all are of one order; beyond: 503
  statusWaitMs: 5_000, // a step that waited longer is refused, not tried

  // notifications
  socketsPerUser: 50, // a buyer has a few devices; the oldest is closed
  socketBufferBytes: 256 * 1024, // above it a socket is not read for until it drains
  socketStallMs: 10_000, // a socket that has not drained for this long is closed (4008)
  socketMessageBytes: 4 * 1024, // clients have nothing to say
  socketPingMs: 30_000,
  socketFarewellMs: 2_000, // for the other side to close as well
  streamPollMs: 1_000, // finds hints that were lost
  replayRows: 200, // events read at once for one socket
  streamReadersAtOnce: 500, // sockets read for by one query
  streamRowsAtOnce: 2_000, // and events for all of them: a few milliseconds to write out

  // workers
  workerRestartMs: 500, // a worker that dies at once must not be restarted in a tight loop
  workerMetricsMs: 2_000,

  // backup and restore
  backupChunkBytes: 256 * 1024, // read and unpacked at once: larger ones are not faster
  backupLineBytes: 1024 * 1024, // the header is the longest line that is no row: some 4 kB
  backupRowBytes: 64 * 1024 * 1024, // no row of a shop comes near it
  backupLockTimeoutMs: 60_000, // a migration that holds a table for longer: try again later

  // shutdown
  drainMs: 15_000, // running requests get this long to finish
} as const;
