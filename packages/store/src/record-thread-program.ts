/** The thread that works on the records of a SQLite file: see {@link recordThread}. Its data is a {@link ThreadStart}. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { packDone, unpackWorks } from "./packing.ts";
import { performGroup } from "./performing.ts";
import { SqliteBackend } from "./sqlite-backend.ts";
import { type Answer, carried, type Question, type ThreadStart } from "./thread-messages.ts";

type Perform = Extract<Question, { readonly kind: "perform" }>;
type Read = Extract<Question, { readonly id: number }>;

if (parentPort === null) throw new TypeError("bug: this is a thread's program");
serve(parentPort, workerData as ThreadStart);

function serve(port: MessagePort, { path, survives, keepRevisions }: ThreadStart): void {
  const tell = (answer: Answer): void => port.postMessage(answer);
  let backend: SqliteBackend;
  try {
    backend = new SqliteBackend(path, survives);
  } catch (error) {
    tell({ kind: "not-opened", error: carried(error) });
    return;
  }
  tell({
    kind: "opened",
    records: { newest: backend.newest, compacted: backend.compacted, leases: backend.leases() },
  });
  port.on("message", (first: Question) => {
    const questions = [first, ...waiting(port)];
    // Reads first: nobody has been told of what is written now, so nobody can miss it, and the writing stays one group.
    for (const question of questions) if (isRead(question)) tell(answerTo(backend, question));
    const performs = questions.filter((question) => question.kind === "perform");
    if (performs.length > 0) tell(perform(backend, performs, keepRevisions));
    if (!questions.some(({ kind }) => kind === "close")) return;
    backend.close();
    port.close();
  });
}

/** What has come while the disk was busy: it makes up one group. */
function waiting(port: MessagePort): Question[] {
  const questions: Question[] = [];
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    questions.push(next.message as Question);
  }
  return questions;
}

function isRead(question: Question): question is Read {
  return "id" in question;
}

function perform(backend: SqliteBackend, performs: readonly Perform[], keepRevisions: number): Answer {
  const questions = performs.length;
  try {
    const works = performs.flatMap((one) => unpackWorks(one.works));
    const { done, compacted } = performGroup(backend, works, keepRevisions);
    return { kind: "performed", questions, done: packDone(done), compacted };
  } catch (error) {
    return { kind: "not-performed", questions, error: carried(error) };
  }
}

function answerTo(backend: SqliteBackend, question: Read): Answer {
  const { id } = question;
  try {
    return { kind: "read", id, result: read(backend, question) };
  } catch (error) {
    return { kind: "not-read", id, error: carried(error) };
  }
}

function read(backend: SqliteBackend, question: Read) {
  switch (question.kind) {
    case "get":
      return backend.get(question.key);
    case "list":
      return { entries: backend.list(question.range), revision: backend.newest };
    case "history":
      return { batches: backend.history(question.after, question.changes), compacted: backend.compacted };
  }
}
