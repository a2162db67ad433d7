import { createSocket } from "node:dgram";

/**
 * Talks UDP inside a container's network: `node udp-talk.ts answer FIRST_PORT COUNT` answers on so many ports, and says `ready`;
 * `node udp-talk.ts ask ADDRESS FIRST_PORT COUNT DATAGRAMS BYTES` sends so many to each of the ports, a few at a time, and prints how many
 * went out and how many were answered.
 */
const [mode, ...words] = process.argv.slice(2);
/** On their way at once: less than any queue holds. */
const AT_ONCE = 16;
/** Milliseconds after which what is on its way is taken for lost. */
const LOST_AFTER = 1000;

if (mode === "answer") answer(Number(words[0]), Number(words[1]));
else ask(words[0] ?? "", words.slice(1).map(Number));

function answer(first: number, count: number): void {
  let bound = 0;
  for (let port = first; port < first + count; port++) {
    const socket = createSocket("udp4");
    socket.on("message", (bytes, from) => socket.send(bytes, from.port, from.address));
    socket.bind(port, () => {
      bound += 1;
      if (bound === count) process.stdout.write("ready\n");
    });
  }
}

function ask(address: string, [first = 0, count = 0, datagrams = 0, bytes = 0]: readonly number[]): void {
  const payload = Buffer.alloc(bytes);
  const socket = createSocket("udp4");
  let [sent, answered, waiting] = [0, 0, 0];
  let silent = setTimeout(giveUp, LOST_AFTER);

  function next(): void {
    while (waiting < AT_ONCE && sent < datagrams * count) {
      socket.send(payload, first + (sent % count), address, () => undefined);
      sent += 1;
      waiting += 1;
    }
    if (waiting > 0) return;
    clearTimeout(silent);
    socket.close();
    process.stdout.write(`${JSON.stringify({ sent, answered })}\n`);
  }

  function giveUp(): void {
    waiting = 0;
    silent = setTimeout(giveUp, LOST_AFTER);
    next();
  }

  socket.on("message", () => {
    answered += 1;
    waiting = Math.max(0, waiting - 1);
    silent.refresh();
    next();
  });
  socket.bind(0, next);
}
