import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../src/core/backoff";
import { NotRetryable, Supervisor, type Clock, type Session } from "../src/core/supervisor";

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class FakeSession implements Session {
  isClosed = false;
  end: (reason: string) => void = () => undefined;
  readonly ended = new Promise<string>((resolve) => {
    this.end = resolve;
  });
  close(): Promise<void> {
    this.isClosed = true;
    this.end("closed");
    return Promise.resolve();
  }
}

class FakeClock implements Clock {
  nowMs = 0;
  wake: () => void = () => undefined;
  now(): number {
    return this.nowMs;
  }
  sleep(_milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.wake = resolve;
      signal.addEventListener("abort", () => {
        reject(new Error("aborted"));
      });
    });
  }
}

interface Fixture {
  readonly supervisor: Supervisor<FakeSession>;
  readonly sessions: FakeSession[];
  readonly events: string[];
  readonly clock: FakeClock;
}

function fixture(open?: () => Promise<FakeSession>): Fixture {
  const sessions: FakeSession[] = [];
  const events: string[] = [];
  const clock = new FakeClock();
  const openFake = (): Promise<FakeSession> => {
    const session = new FakeSession();
    sessions.push(session);
    return Promise.resolve(session);
  };
  const supervisor = new Supervisor<FakeSession>(
    open ?? openFake,
    {
      opening: () => events.push("opening"),
      waiting: (reason, waitMs) => events.push(`${reason} ${waitMs}`),
      resting: (error) => events.push(`resting: ${error.message}`),
    },
    clock,
  );
  return { supervisor, sessions, events, clock };
}

test("the wait doubles up to a minute, and a healthy minute resets it", () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 8 }, () => backoff.next(59_999) / 1_000);
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
  assert.equal(backoff.next(60_000), 1_000);
  assert.equal(backoff.next(0), 2_000);
});

test("a session that ends is opened again, after a wait", async () => {
  const { supervisor, sessions, events, clock } = fixture();
  await supervisor.start();
  await tick();
  sessions[0]?.end("crash");
  await tick();
  assert.equal(supervisor.session, undefined);
  clock.wake();
  await tick();
  clock.nowMs = 10;
  sessions[1]?.end("crash");
  await tick();
  clock.wake();
  await tick();
  clock.nowMs = 60_010;
  sessions[2]?.end("late crash");
  await tick();
  assert.deepEqual(events, [
    "opening",
    "crash 1000",
    "opening",
    "crash 2000",
    "opening",
    "late crash 1000",
  ]);
  await supervisor.stop();
});

test("a failed opening counts as a crash", async () => {
  const { supervisor, events } = fixture(() => Promise.reject(new Error("no such file")));
  await supervisor.start();
  await tick();
  assert.deepEqual(events, ["opening", "no such file 1000"]);
  await supervisor.stop();
});

test("what can't succeed is not tried again until the next start", async () => {
  const { supervisor, events } = fixture(() => Promise.reject(new NotRetryable("missing")));
  await supervisor.start();
  await tick();
  await supervisor.start();
  await tick();
  assert.deepEqual(events, ["opening", "resting: missing", "opening", "resting: missing"]);
});

test("a restart closes the old session before it opens the new one", async () => {
  const { supervisor, sessions, events } = fixture();
  await supervisor.start();
  await tick();
  await Promise.all([supervisor.start(), supervisor.start()]);
  await tick();
  assert.equal(sessions.length, 2);
  assert.equal(sessions[0]?.isClosed, true);
  assert.equal(supervisor.session, sessions[1]);
  assert.deepEqual(events, ["opening", "opening"]);
  await supervisor.stop();
  assert.equal(sessions[1]?.isClosed, true);
});

test("a stop while a session opens closes it", async () => {
  let finish: (session: FakeSession) => void = () => undefined;
  const { supervisor } = fixture(() => new Promise((resolve) => (finish = resolve)));
  const session = new FakeSession();
  await supervisor.start();
  const stopped = supervisor.stop();
  finish(session);
  await stopped;
  assert.equal(session.isClosed, true);
  assert.equal(supervisor.session, undefined);
});

test("a stop ends the wait", async () => {
  const { supervisor, sessions } = fixture();
  await supervisor.start();
  await tick();
  sessions[0]?.end("crash");
  await tick();
  await supervisor.stop();
  assert.equal(sessions.length, 1);
});
