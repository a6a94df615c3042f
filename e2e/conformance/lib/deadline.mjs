// Waiting for something that should happen, with a deadline and a name for what did not.

/** How long a thing that should come at once may take, in milliseconds: generous, for busy machines. */
export const SOON_MS = 5000;

/** The promise's value, or an error that says what was awaited in vain. */
export function within(promise, what, ms = SOON_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The arguments of the next `event` of an emitter that has `once`. */
export function next(emitter, event, ms = SOON_MS) {
  return within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))), `"${event}" event`, ms);
}

/** Resolves once `emitter` has emitted `event` `count` times, with the first argument of each. */
export function collect(emitter, event, count, ms = SOON_MS) {
  const seen = [];
  const all = new Promise((resolve) => {
    emitter.on(event, function take(value) {
      seen.push(value);
      if (seen.length === count) {
        emitter.off(event, take);
        resolve(seen);
      }
    });
  });
  return within(all, `${count} "${event}" events`, ms).catch((error) => {
    throw new Error(`${error.message}; ${seen.length} came`);
  });
}

/** The promise's value, or an error that says why `emitter` was closed (its `event`) before it came. */
export async function unless(emitter, event, promise) {
  let onEnd;
  const end = new Promise((_, reject) => {
    onEnd = (reason, details) => reject(new Error(`${event}: ${reason} ${details?.message ?? ""}`));
    emitter.on(event, onEnd);
  });
  return Promise.race([promise, end]).finally(() => emitter.off(event, onEnd));
}
