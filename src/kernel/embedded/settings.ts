import { SOCKET_PORT } from './files.ts';

/**
 * The server's settings as command-line arguments, so that every data folder, old or new, gets
 * those of this version. Whoever wants to tune more runs a server of their own (DATABASE_URL).
 */
export function serverArguments(socketDir: string, durable: boolean): string[] {
  const settings: Record<string, string | number> = {
    // Nothing on the network: only who may enter the socket folder, and has the password.
    listen_addresses: '',
    port: SOCKET_PORT,
    unix_socket_directories: `"${socketDir.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    // A pool per process of 8 to 16; the rest is for a few processes and for people looking in.
    max_connections: 100,
    // A whole shop of some 100,000 products fits, and a machine of 1 GB can spare it.
    shared_buffers: '128MB',
    // What the operating system caches as well: tells the planner that indexes pay.
    effective_cache_size: '512MB',
    // Solid-state disks: a random page costs about what the next one costs.
    random_page_cost: 1.1,
    // Compiling a plan takes longer than any query here.
    jit: 'off',
    // On two cores parallel plans and I/O workers take from the app what they give, and memory.
    max_parallel_workers_per_gather: 0,
    io_method: 'sync',
    // No replicas and no archive hang on this server, so it need not write for them.
    wal_level: 'minimal',
    max_wal_senders: 0,
    max_logical_replication_workers: 0,
    // Rarer checkpoints write fewer whole pages; 1 GB bounds the disk and the recovery time.
    checkpoint_timeout: '15min',
    max_wal_size: '1GB',
    // Hot rows (the stock of a product in a sale) leave thousands of dead versions a minute.
    autovacuum: 'on',
    autovacuum_naptime: '10s',
    // Everybody sees the same clock, whatever the machine is set to.
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Failed statements are reported to the app, which logs them; copying their text, which holds
    // customers' data, into another file would help nobody.
    log_min_messages: 'log',
    log_checkpoints: 'off',
    // Durable: an acknowledged order survives a power cut. Off only for tests.
    fsync: durable ? 'on' : 'off',
    synchronous_commit: durable ? 'on' : 'off',
    full_page_writes: durable ? 'on' : 'off',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
