import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An answer to repeat; the headers as pairs, one after the other. */
export interface BareAnswer {
  rawHeaders: string[];
  body: string;
  keepAliveTimeoutMs: number;
}

/** The least that node:http can do: the same answer to every request, without looking at it. */
process.once('disconnect', () => process.exit());
process.once('message', (message) => {
  const { rawHeaders, body, keepAliveTimeoutMs } = message as BareAnswer;
  const server = createServer((_request, response) => {
    response.writeHead(200, rawHeaders);
    response.end(body);
  });
  server.keepAliveTimeout = keepAliveTimeoutMs;
  server.listen(0, '127.0.0.1', () => {
    process.send?.({ port: (server.address() as AddressInfo).port });
  });
});
