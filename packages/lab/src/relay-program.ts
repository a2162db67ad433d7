/**
 * A program: carries connections from a unix socket to a TCP port. Arguments: path of the socket, address, port. Ends with its
 * stdin.
 */
import { connect, createServer } from "node:net";
import { pipeline } from "node:stream";

const [path = "", address = "", port = ""] = process.argv.slice(2);
const server = createServer({ allowHalfOpen: true }, (outside) => {
  const inside = connect({ host: address, port: Number(port), allowHalfOpen: true });
  // Each side ends with the other; an error of one is the end of both, which is all that a relay can say.
  pipeline(outside, inside, outside, () => {});
});
server.listen(path, () => process.stdout.write("ready\n"));
process.stdin.on("end", () => process.exit(0)).resume();
