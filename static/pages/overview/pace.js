// When figures are asked for anew: soon after a call has ended, but not at every call.
import { useLive } from '../../lib/live.js';
import { range } from '../../lib/range.js';
import { useEffect, useRef } from '../../lib/ui.js';

/** At most so often are the figures asked again while calls come in. */
const PACE = 5000;

/** Reloads answers as calls end, if the stretch goes on till now; not more often than the pace. */
export function useReloads(...answers) {
  const state = useRef({ timer: null, last: Date.now() }).current;
  state.answers = answers;
  useLive(() => {
    if (state.timer || document.hidden) return;
    state.timer = setTimeout(() => {
      state.timer = null;
      state.last = Date.now();
      const isRunning = range.value.range && range.value.range !== 'yesterday';
      if (isRunning) state.answers.forEach((answer) => answer?.reload());
    }, Math.max(400, PACE - (Date.now() - state.last)));
  });
  useEffect(() => () => clearTimeout(state.timer), []);
}
