// Orders for subjects on node, which publish in turns of the event loop.

const data = (size) =>
  `@${process.hrtime.bigint().toString().padStart(20, "0")}${"x".repeat(size - 22)}~`;

/** Carry out the order of a POST /publish: call publish() with the data of each event. */
export function carryOut(url, publish) {
  const query = new URL(url, "http://127.0.0.1").searchParams;
  const [count, size, burst, pause] = ["count", "size", "burst", "pause"].map((name) =>
    Number(query.get(name)),
  );
  let left = count;
  let due = performance.now(); // milliseconds
  const turn = () => {
    const one = data(size); // the same for all events of a burst
    for (let i = 0; i < burst && left; i++, left--) publish(one);
    if (!left) return;
    due += pause / 1000;
    const wait = due - performance.now();
    if (wait > 0) setTimeout(turn, Math.ceil(wait));
    else setImmediate(turn);
  };
  setImmediate(turn);
}
