// Whether something is near: this machine, or a private network.

const NEAR = /^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|\[(::1|f[cd]|fe80))|\.(local|lan|home|internal|localhost)$|^[^.:]+$/i;

/** Whether a host is this machine or in a private network, as far as its name tells. */
export const isNearHost = (host) => NEAR.test(host);

/** Whether an address leads to this machine or into a private network. */
export function isNear(url) {
  try {
    return isNearHost(new URL(url).hostname);
  } catch {
    return false;
  }
}
