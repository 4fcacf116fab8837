// Calls the published SDK. Reads one JSON call per line from stdin and writes one answer per line:
//   {"api", "operation", "parameters", "data", "token"} -> {"status", "data"} or {"failure"}
// The only argument is the server's address; each API lives below a base path of its own.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The package's ES modules cannot be loaded by Node.js itself, only by bundlers.
const { epilot } = createRequire(import.meta.url)("@epilot/sdk");

const BASE_PATHS = {
  erpIntegration: "/erp-integration",
  entity: "/entity",
  metering: "/metering",
  environments: "/environments",
  accessToken: "/access-token",
  webhooks: "/webhooks",
  eventCatalog: "/event-catalog",
};
const [address] = process.argv.slice(2);

// A limit that is hit must show, not be waited out.
epilot.retry({ maxRetries: 0 });

const clients = Object.fromEntries(
  Object.entries(BASE_PATHS).map(([api, path]) => {
    const client = epilot[api].getClient();
    client.defaults.baseURL = address + path;
    client.defaults.validateStatus = () => true;
    return [api, client];
  }),
);

async function call({ api, operation, parameters, data, token }) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await clients[api][operation](parameters, data, { headers });
  return { status: response.status, data: response.data ?? null };
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await call(JSON.parse(line)).catch((error) => ({ failure: String(error) }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
