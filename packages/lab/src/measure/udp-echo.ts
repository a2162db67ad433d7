/** A program: sends every UDP datagram back. Argument: port. Ends with its stdin. */
import { createSocket } from "node:dgram";

const socket = createSocket({ type: "udp6", ipv6Only: false });
socket.on("message", (message, { address, port }) => socket.send(message, port, address, () => {}));
socket.bind(Number(process.argv[2]), () => process.stdout.write("ready\n"));
process.stdin.on("end", () => process.exit(0)).resume();
