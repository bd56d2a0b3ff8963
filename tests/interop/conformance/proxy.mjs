// The conformance suite cannot send a token: this stands before the server and adds one. Everything else passes as it is,
// except that the proxy's own address in Host and Origin becomes the server's, since these two the server judges.
import { createServer, request } from "node:http";

/// Listens on a free port; resolves to the URL that stands for `target`, and a function that closes it.
export async function startProxy(target, token) {
  const upstream = new URL(target);
  let own;
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers, authorization: `Bearer ${token}` };
    if (own.includes(headers.host)) headers.host = upstream.host;
    if (own.map((host) => `http://${host}`).includes(headers.origin)) headers.origin = upstream.origin;
    const forwarded = request(
      { hostname: "127.0.0.1", port: upstream.port, method: incoming.method, path: incoming.url, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      },
    );
    forwarded.on("error", () => outgoing.destroy());
    outgoing.on("close", () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  own = [`localhost:${port}`, `127.0.0.1:${port}`];
  return { url: `http://localhost:${port}${upstream.pathname}`, close: () => server.close(() => {}) };
}
