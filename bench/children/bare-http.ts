import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerJobs } from '../job.ts';

/** An answer to repeat; the headers as pairs, one after the other. */
export interface BareAnswer {
  rawHeaders: string[];
  body: string;
  keepAliveTimeoutMs: number;
}

/** The least that node:http can do: the same answer to every request, without looking at it. */
answerJobs(async ({ rawHeaders, body, keepAliveTimeoutMs }: BareAnswer) => {
  const server = createServer((_request, response) => {
    response.writeHead(200, rawHeaders);
    response.end(body);
  });
  server.keepAliveTimeout = keepAliveTimeoutMs;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port };
});
