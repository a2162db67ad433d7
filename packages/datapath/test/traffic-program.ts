import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

/** What runs inside a sandbox: `node traffic-program.ts MODE …`. Prints one line of JSON when it is ready, one when it is done. */

const [mode = "", host = "", port = "", amount = ""] = process.argv.slice(2);

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function udpEcho(): void {
  const socket = createSocket("udp4");
  socket.on("message", (message, from) => socket.send(message, from.port, from.address));
  socket.bind(Number(port), () => say({ ready: true }));
}

/** `amount` datagrams per second until standard input ends; then what was lost, and the longest time without an answer. */
function udpProbe(): void {
  const socket = createSocket("udp4");
  const answered = new Set<number>();
  let sent = 0;
  let last = 0;
  let longestGap = 0;
  socket.on("message", (message) => {
    const now = performance.now();
    if (last > 0) longestGap = Math.max(longestGap, now - last);
    last = now;
    if (answered.size === 0) say({ ready: true });
    answered.add(message.readUInt32BE(0));
  });
  const start = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - start) * Number(amount)) / 1000;
    for (; sent < due; sent++) {
      const message = Buffer.alloc(64);
      message.writeUInt32BE(sent, 0);
      // Nobody can hear it while the way is cut.
      socket.send(message, Number(port), host, () => undefined);
    }
  }, 1);
  process.stdin.resume();
  process.stdin.on("end", () => {
    clearInterval(timer);
    const ended = performance.now();
    setTimeout(() => {
      const first = Math.min(...answered);
      const lost = Array.from({ length: sent - first }, (_, index) => first + index).filter(
        (seq) => !answered.has(seq),
      );
      const longestGapMs = Math.max(longestGap, ended - last);
      say({ sent: sent - first, lost: lost.length, longestGapMs });
      process.exit(0);
    }, 300);
  });
}

/** Counts numbered datagrams until standard input ends, and those that came behind one with a higher number. */
function udpOrder(): void {
  const socket = createSocket("udp4");
  const seen = { received: 0, overtaken: 0 };
  let highest = -1;
  socket.on("message", (message) => {
    const number = message.readUInt32BE(0);
    seen.received++;
    if (number < highest) seen.overtaken++;
    highest = Math.max(highest, number);
  });
  socket.bind(Number(port), () => say({ ready: true }));
  const report = (): void => {
    say(seen);
    process.exit(0);
  };
  process.stdin.resume().on("end", () => setTimeout(report, 300));
}

/** Numbered datagrams, at one pace after the other. `amount` is such as `"1400:5000x300,400x300"`: bytes, then datagrams per second and milliseconds. */
async function udpSwing(): Promise<void> {
  const socket = createSocket("udp4");
  const [size = "", paces = ""] = amount.split(":");
  let number = 0;
  for (const step of paces.split(",")) {
    const [pace = 0, length = 0] = step.split("x").map(Number);
    const [start, first] = [performance.now(), number];
    for (let now = 0; now < length; now = performance.now() - start) {
      for (; number < first + (now * pace) / 1000; number++) {
        const message = Buffer.alloc(Number(size));
        message.writeUInt32BE(number, 0);
        socket.send(message, Number(port), host, () => undefined);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  say({ sent: number });
  process.exit(0);
}

function tcpServe(): void {
  const server = createServer((socket) => {
    const digest = createHash("sha256");
    let bytes = 0;
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      digest.update(chunk);
    });
    socket.on("end", () => socket.end(JSON.stringify({ bytes, digest: digest.digest("hex") })));
  });
  server.listen(Number(port), host, () => say({ ready: true }));
}

/** `amount` bytes over TCP, at once, or 1000 a second until standard input ends; then whether they arrived as they were. */
function tcpSend(slowly: boolean): void {
  const payload = Buffer.alloc(Number(amount), "holdfast carries this\n");
  let reply = "";
  const socket = connect(Number(port), host, () => {
    if (!slowly) return void socket.end(payload);
    let sent = 0;
    const timer = setInterval(() => {
      socket.write(payload.subarray(sent, sent + 100));
      sent += 100;
      if (sent >= payload.length) finish();
    }, 100);
    const finish = (): void => {
      clearInterval(timer);
      process.stdin.off("end", finish);
      socket.end(payload.subarray(sent));
    };
    process.stdin.resume().once("end", finish);
  });
  socket.on("data", (chunk) => {
    reply += String(chunk);
  });
  socket.on("end", () => {
    const digest = createHash("sha256").update(payload).digest("hex");
    say({ ...JSON.parse(reply), right: JSON.parse(reply).digest === digest });
    process.exit(0);
  });
  socket.setTimeout(10_000, () => process.exit(3));
}

/** As much as goes until standard input ends; then whether it arrived as it was. */
function tcpStream(): void {
  const piece = Buffer.alloc(65_536, "holdfast carries this\n");
  const digest = createHash("sha256");
  let [reply, over] = ["", false];
  const socket = connect(Number(port), host, () => send());
  const send = (): void => {
    for (let room = true; room && !over; ) {
      digest.update(piece);
      room = socket.write(piece);
    }
    if (over) socket.end();
  };
  socket.on("drain", send);
  process.stdin.resume().on("end", () => {
    over = true;
  });
  socket.on("data", (chunk) => {
    reply += String(chunk);
  });
  socket.on("end", () => {
    say({ ...JSON.parse(reply), right: JSON.parse(reply).digest === digest.digest("hex") });
    process.exit(0);
  });
  socket.setTimeout(10_000, () => process.exit(3));
}

/** Takes all that comes, and forgets it. */
function tcpSink(): void {
  const server = createServer((socket) => socket.on("error", () => undefined).resume());
  server.listen(Number(port), host, () => say({ ready: true }));
}

/** Sends as fast as it goes over `amount` connections, until it is ended. */
function tcpFlood(): void {
  const payload = Buffer.alloc(262_144);
  for (let flow = 0; flow < Number(amount); flow++) {
    const socket = connect(Number(port), host, () => send());
    const send = (): void => {
      while (socket.write(payload));
    };
    socket.on("drain", send);
  }
  setTimeout(() => say({ ready: true }), 500);
}

switch (mode) {
  case "tcp-sink":
    tcpSink();
    break;
  case "tcp-flood":
    tcpFlood();
    break;
  case "udp-echo":
    udpEcho();
    break;
  case "udp-probe":
    udpProbe();
    break;
  case "udp-order":
    udpOrder();
    break;
  case "udp-swing":
    await udpSwing();
    break;
  case "tcp-serve":
    tcpServe();
    break;
  case "tcp-send":
    tcpSend(false);
    break;
  case "tcp-stream":
    tcpStream();
    break;
  case "tcp-send-slowly":
    tcpSend(true);
    break;
  default:
    process.exit(2);
}
